"""LastBlocks: tunes the last blocks and the head."""

from typing import Literal

from torch import nn

from lepton.errors import ConfigError
from lepton.finetune.machinery.freezing import train_only
from lepton.finetune.machinery.layers import (
    always_trained,
    describe_layers,
    named_layers,
    parameters_under,
)
from lepton.method import Method
from lepton.spec import DataSpec
from lepton.values.bounds import AtLeast1


class LastBlocks(Method):
    """Tunes `k` layers before the head; those below stay.

    Source: Lee et al. 2019, https://arxiv.org/abs/1911.03090
    """

    def __init__(self, *, k: AtLeast1, keep: Literal["adapter", "whole"] | None):
        self.k, self.keep = k, keep

    def prepare(self, model: nn.Module, spec: DataSpec) -> nn.Module:
        below = named_layers(model)[:-1]
        if not 1 <= self.k <= len(below):
            raise ConfigError(
                f"finetune.k: {self.k}; {type(model).__name__} has {len(below)} layers before its "
                f"head: {describe_layers(model)}"
            )
        names = [name for layer in below[-self.k :] for name in layer]
        train_only(model, {*parameters_under(model, names), *always_trained(model)})
        return model
