"""Compares the structure of built models: whether one forward pass can stand for both."""

from typing import Any

import torch
from torch import Tensor, nn

from lepton.training.dropout_masks import StreamDropout

# parameters, buffers, hooks, submodules of a layer: compared by themselves
COMPARED_APART = set(vars(nn.Module()))


def structure_difference(first: nn.Module, second: nn.Module) -> str | None:
    """The first thing in which two models differ, apart from values that a stack holds for each
    member (parameters, buffers, dropout rates); None where they have the same structure."""
    first_layers, second_layers = dict(first.named_modules()), dict(second.named_modules())
    if first_layers.keys() != second_layers.keys():
        return "their layers"
    for name, layer in first_layers.items():
        other, where = second_layers[name], name or "the model"
        if type(layer) is not type(other):
            return f"the kind of {where}"
        for attribute in sorted((vars(layer).keys() | vars(other).keys()) - COMPARED_APART):
            if attribute in ("p", "mask_stream") and type(layer) is StreamDropout:
                continue
            if not _is_same(vars(layer).get(attribute), vars(other).get(attribute)):
                return f"{attribute} of {where}"
    for tensors in ("named_parameters", "named_buffers"):
        shapes = [
            [(name, t.shape, t.dtype, t.requires_grad) for name, t in getattr(model, tensors)()]
            for model in (first, second)
        ]
        if shapes[0] != shapes[1]:
            return "the shapes of their parameters"
    return None


def _is_same(first: Any, second: Any) -> bool:
    if isinstance(first, Tensor) and isinstance(second, Tensor):
        return torch.equal(first, second)
    if isinstance(first, list | tuple) and type(first) is type(second):
        return len(first) == len(second) and all(map(_is_same, first, second))
    try:
        return first is second or bool(first == second)
    except (TypeError, ValueError, RuntimeError):  # values that cannot be compared may differ
        return False
