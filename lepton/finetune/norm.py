"""Normalization layers and the head are tuned."""

from typing import Literal

from torch import nn

from lepton.finetune.machinery.layers import always, matched, train_only, under
from lepton.method import Method
from lepton.spec import DataSpec


class Norm(Method):
    """Scale and shift of every normalization; its statistics go on, too.

    Source: Frankle et al. 2021, https://arxiv.org/abs/2003.00152
    """

    def __init__(self, *, keep: Literal["adapter", "whole"] | None):
        self.keep = keep

    def prepare(self, model: nn.Module, spec: DataSpec) -> nn.Module:
        norms = [name for name, module in model.named_modules() if _normalizes(module)]
        what = "normalization layer with parameters"
        chosen = matched(model, under(model, norms), option="norm", what=what)
        train_only(model, chosen | always(model))
        return model


def _normalizes(module: nn.Module) -> bool:
    """By name, since encoders bring normalizations of their own."""
    return type(module).__name__.lower().rstrip("123d").endswith("norm")
