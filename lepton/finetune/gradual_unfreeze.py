"""GradualUnfreeze: tunes the head first, then one layer more every few epochs."""

from torch import nn

from lepton.errors import ConfigError
from lepton.finetune.machinery.freezing import train_only
from lepton.finetune.machinery.layers import (
    always_trained,
    named_layers,
    parameters_under,
    require_layers,
)
from lepton.method import Method
from lepton.spec import DataSpec
from lepton.values.bounds import AtLeast1


class GradualUnfreeze(Method):
    """Thaws from the output down; what is trained in an epoch depends on its number alone.

    Source: Howard and Ruder 2018, section 3.3, https://arxiv.org/abs/1801.06146
    """

    leaves_weights_unused = True

    def __init__(self, *, every: AtLeast1):
        if every < 1:
            raise ConfigError(f"finetune.every: {every} epochs; at least 1")
        self.every = every

    def prepare(self, model: nn.Module, spec: DataSpec) -> nn.Module:
        require_layers(model)
        return model.requires_grad_(True)  # the optimizer holds all of them

    def thawed(self, model: nn.Module, epoch: int) -> set[str]:
        """Names of the parameters that are trained in an epoch, which counts from 0."""
        last_layers = named_layers(model)[::-1][: 1 + epoch // self.every]
        names = [name for layer in last_layers for name in layer]
        return {*parameters_under(model, names), *always_trained(model)}

    def on_epoch(self, model: nn.Module, epoch: int) -> None:
        train_only(model, self.thawed(model, epoch))
