"""The weights below the adapters of several runs, which lie in memory once."""

from weakref import WeakValueDictionary

import torch
from torch import nn

from lepton.finetune.machinery.adapters import ADAPTED

HELD: WeakValueDictionary[tuple[str, str], nn.Parameter] = WeakValueDictionary()


def share_frozen_weights(model: nn.Module, base: str) -> None:
    """Lets a model take its frozen weights from one that was loaded before and has the same.

    `base` says by their content which weights the run started from.
    """
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            continue
        key = (base, name.replace(ADAPTED, "."))  # whatever the adapter
        held = HELD.setdefault(key, parameter)
        if held is not parameter and _are_same(held, parameter):  # not where a user changed them
            parameter.data = held.data


def _are_same(first: nn.Parameter, second: nn.Parameter) -> bool:
    kinds = [(p.dtype, p.device, p.shape) for p in (first, second)]
    return kinds[0] == kinds[1] and torch.equal(first, second)
