"""Scales of what linear layers give."""

from typing import Literal

from torch import nn

from lepton.finetune.machinery import adapters
from lepton.method import Method
from lepton.spec import DataSpec


class IA3(Method):
    """A factor an output of each chosen layer, 1 at the start.

    Source: Liu et al. 2022, https://arxiv.org/abs/2205.05638
    """

    alone = "puts adapters into the network"

    def __init__(self, *, targets: list[str] | None, keep: Literal["adapter", "whole"] | None):
        self.targets, self.keep = targets, keep

    def prepare(self, model: nn.Module, spec: DataSpec) -> nn.Module:
        names = adapters.linear_layers(model, self.targets, "ia3")
        config = adapters.peft().IA3Config(
            target_modules=adapters.exact(names), feedforward_modules=[]
        )
        return adapters.inject(model, config)
