"""What a head begins with that is trained by itself."""

from typing import Literal

import torch
from torch import nn

from lepton.errors import ConfigError
from lepton.finetune.machinery.freezing import train_head_only
from lepton.finetune.machinery.head_probe import linear_layer
from lepton.finetune.machinery.linear_head import LinearHead
from lepton.model.layers import tunable
from lepton.task import Task

Start = Literal["probe", "zeros"] | None  # what a linear head begins with


def prepare_head(model: nn.Module, start: Start) -> nn.Module:
    """The model with nothing but its head to train, which begins as `start` says.

    None, and "probe" until features are there: as it was made or loaded.
    Raises: ConfigError for a head that shares weights with layers below it, whose features would
        change with it; and, from zeros, for one of several layers, which learns nothing from them.
    """
    train_head_only(model)
    head = tunable(model).head
    if _shares_weights(head, model):
        raise ConfigError(
            f"finetune: the head of {type(model).__name__} shares weights with other layers, and "
            "cannot be trained alone; take finetune=full"
        )
    if start == "zeros":
        linear = linear_layer(head)
        if linear is None:
            raise ConfigError(
                f"finetune.start=zeros: the head of {type(model).__name__} is no single linear "
                "layer with a bias; take finetune.start=null"
            )
        nn.init.zeros_(linear.weight)
        nn.init.zeros_(linear.bias)
    return model


def begin_with(probe: LinearHead, model: nn.Module, task: Task) -> bool:
    """Gives the model's head the weights of scikit-learn's; False for one that is no linear layer
    of a task with classes, which stays as it is."""
    linear = linear_layer(tunable(model).head)
    if not task.spec.classes or linear is None or linear.weight.shape != probe.weight.shape:
        return False
    head = probe.to_learn_on(task)
    with torch.no_grad():
        linear.weight.copy_(torch.from_numpy(head.weight))
        linear.bias.copy_(torch.from_numpy(head.bias))
    return True


def _shares_weights(head: nn.Module, model: nn.Module) -> bool:
    of_head, weights = {*head.modules()}, {*head.parameters()}
    others = (module for module in model.modules() if module not in of_head)
    return any(weights & {*module.parameters(recurse=False)} for module in others)
