"""Norm: tunes normalization layers and the head."""

from typing import Literal

from torch import nn

from lepton.finetune.machinery.freezing import train_only
from lepton.finetune.machinery.layers import (
    always_trained,
    parameters_under,
    require_below_head,
)
from lepton.method import Method
from lepton.spec import DataSpec


class Norm(Method):
    """Scale and shift of every normalization; its statistics go on, too.

    Source: Frankle et al. 2021, https://arxiv.org/abs/2003.00152
    """

    def __init__(self, *, keep: Literal["adapter", "whole"] | None):
        self.keep = keep

    def prepare(self, model: nn.Module, spec: DataSpec) -> nn.Module:
        norms = [name for name, module in model.named_modules() if _is_normalization(module)]
        kind = "normalization layer with parameters"
        names = parameters_under(model, norms)
        below_head = require_below_head(model, names, option="norm", kind=kind)
        train_only(model, below_head | always_trained(model))
        return model


def _is_normalization(module: nn.Module) -> bool:
    """True for a normalization, by its name, since encoders bring some of their own."""
    return type(module).__name__.lower().rstrip("123d").endswith("norm")
