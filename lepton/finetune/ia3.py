"""IA3: learned factors for the outputs of linear layers and convolutions."""

from typing import Literal

from torch import nn

from lepton.finetune.machinery.adapters import (
    adaptable_layers,
    exact_pattern,
    import_peft,
    inject_adapters,
)
from lepton.method import Method
from lepton.spec import DataSpec


class IA3(Method):
    """Multiplies each output of the chosen layers by a factor, 1 at the start.

    Source: Liu et al. 2022, https://arxiv.org/abs/2205.05638
    """

    alone = "puts adapters into the network"

    def __init__(self, *, targets: list[str] | None, keep: Literal["adapter", "whole"] | None):
        self.targets, self.keep = targets, keep

    def prepare(self, model: nn.Module, spec: DataSpec) -> nn.Module:
        names = adaptable_layers(model, self.targets, "ia3")
        peft_config = import_peft().IA3Config(
            target_modules=exact_pattern(names), feedforward_modules=[]
        )
        return inject_adapters(
            model, lambda: import_peft().inject_adapter_in_model(peft_config, model)
        )
