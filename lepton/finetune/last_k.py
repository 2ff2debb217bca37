"""The last blocks and the head are tuned."""

from typing import Literal

from torch import nn

from lepton.errors import ConfigError
from lepton.finetune.machinery.layers import always, in_words, layers, train_only, under
from lepton.method import Method
from lepton.spec import DataSpec


class LastBlocks(Method):
    """Tunes `k` layers before the head; those below stay.

    Source: Lee et al. 2019, https://arxiv.org/abs/1911.03090
    """

    def __init__(self, *, k: int, keep: Literal["adapter", "whole"] | None):
        self.k, self.keep = k, keep

    def prepare(self, model: nn.Module, spec: DataSpec) -> nn.Module:
        below = layers(model)[:-1]
        if not 1 <= self.k <= len(below):
            raise ConfigError(
                f"finetune.k: {self.k}; {type(model).__name__} has {len(below)} layers before its "
                f"head: {in_words(model)}"
            )
        chosen = [name for names in below[-self.k :] for name in names]
        train_only(model, {*under(model, chosen), *always(model)})
        return model
