"""Biases and the head are tuned."""

from typing import Literal

from torch import nn

from lepton.finetune.machinery.layers import always, matched, train_only
from lepton.method import Method
from lepton.spec import DataSpec


class BitFit(Method):
    """Source: Ben Zaken et al. 2022, https://arxiv.org/abs/2106.10199"""

    def __init__(self, *, keep: Literal["adapter", "whole"] | None):
        self.keep = keep

    def prepare(self, model: nn.Module, spec: DataSpec) -> nn.Module:
        named = [name for name, _ in model.named_parameters()]
        biases = [n for n in named if n.rpartition(".")[2] == "bias" or n.endswith("_bias")]
        train_only(model, matched(model, biases, option="bitfit", what="bias") | always(model))
        return model
