"""The head alone is trained; what enters it never changes."""

from typing import Literal

from torch import nn

from lepton.finetune.machinery.layers import always, hold_still, layers, train_only
from lepton.method import Method
from lepton.spec import DataSpec


class Head(Method):
    """The frozen backbone computes in eval mode, so that its features are the same every time.

    Layers that are made new for other columns are trained as well, and nothing is computed ahead.
    Source: Alain and Bengio 2016, https://arxiv.org/abs/1610.01644
    """

    probes = True

    def __init__(self, *, standardize: bool, keep: Literal["adapter", "whole"] | None):
        self.standardize, self.keep = standardize, keep

    def prepare(self, model: nn.Module, spec: DataSpec) -> nn.Module:
        probe(model)
        return model


def probe(model: nn.Module) -> None:
    """Freezes a model but for its head and what is made new, and keeps the rest in eval mode."""
    kept = always(model)
    train_only(model, kept)
    head = layers(model)[-1]
    for prefix, module in model.named_modules():
        own = {f"{prefix}.{name}".lstrip(".") for name, _ in module.named_parameters()}
        if not f"{prefix}.".startswith(tuple(f"{name}." for name in head)):
            hold_still(module, still=not own or not own <= kept)
