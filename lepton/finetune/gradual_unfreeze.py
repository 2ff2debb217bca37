"""The head first, then one layer more every few epochs."""

from torch import nn

from lepton.errors import ConfigError
from lepton.finetune.machinery.layers import always, layers, train_only, under
from lepton.method import Method
from lepton.spec import DataSpec


class GradualUnfreeze(Method):
    """Thaws from the output down; what is trained in an epoch depends on its number alone.

    Source: Howard and Ruder 2018, section 3.3, https://arxiv.org/abs/1801.06146
    """

    def __init__(self, *, every: int):
        if every < 1:
            raise ConfigError(f"finetune.every: {every} epochs; at least 1")
        self.every = every

    def prepare(self, model: nn.Module, spec: DataSpec) -> nn.Module:
        layers(model)
        return model.requires_grad_(True)  # the optimizer holds all of them

    def thawed(self, model: nn.Module, epoch: int) -> set[str]:
        """The parameters that are trained in an epoch, which counts from 0."""
        last = layers(model)[::-1][: 1 + epoch // self.every]
        return {*under(model, [name for names in last for name in names]), *always(model)}

    def on_epoch(self, model: nn.Module, epoch: int) -> None:
        train_only(model, self.thawed(model, epoch))
