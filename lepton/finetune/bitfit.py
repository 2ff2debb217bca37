"""BitFit: tunes biases and the head."""

from typing import Literal

from torch import nn

from lepton.finetune.machinery.freezing import train_only
from lepton.finetune.machinery.layers import always_trained, require_below_head
from lepton.method import Method
from lepton.spec import DataSpec


class BitFit(Method):
    """Trains every bias and the head; weights stay.

    Source: Ben Zaken et al. 2022, https://arxiv.org/abs/2106.10199
    """

    def __init__(self, *, keep: Literal["adapter", "whole"] | None):
        self.keep = keep

    def prepare(self, model: nn.Module, spec: DataSpec) -> nn.Module:
        names = [name for name, _ in model.named_parameters()]
        biases = [n for n in names if n.rpartition(".")[2] == "bias" or n.endswith("_bias")]
        below_head = require_below_head(model, biases, option="bitfit", kind="bias")
        train_only(model, below_head | always_trained(model))
        return model
