"""Whether built models compute the same function of their parameters, but for dropout rates."""

from typing import Any

import torch
from torch import Tensor, nn

from lepton.training.dropout_masks import StreamDropout

INTERNAL = set(vars(nn.Module()))  # parameters, buffers, hooks, submodules: compared by themselves


def structure_difference(one: nn.Module, other: nn.Module) -> str | None:
    """The first thing in which two models differ apart from values that are stacked; or None."""
    first, second = dict(one.named_modules()), dict(other.named_modules())
    if first.keys() != second.keys():
        return "their layers"
    for name, layer in first.items():
        twin, where = second[name], name or "the model"
        if type(layer) is not type(twin):
            return f"the kind of {where}"
        for attribute in sorted((vars(layer).keys() | vars(twin).keys()) - INTERNAL):
            if attribute in ("p", "mask_stream") and type(layer) is StreamDropout:
                continue
            if not _same(vars(layer).get(attribute), vars(twin).get(attribute)):
                return f"{attribute} of {where}"
    for kind in ("named_parameters", "named_buffers"):
        shapes = [
            [(name, t.shape, t.dtype, t.requires_grad) for name, t in getattr(model, kind)()]
            for model in (one, other)
        ]
        if shapes[0] != shapes[1]:
            return "the shapes of their parameters"
    return None


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        return torch.equal(one, other)
    if isinstance(one, list | tuple) and type(one) is type(other):
        return len(one) == len(other) and all(map(_same, one, other))
    try:
        return one is other or bool(one == other)
    except (TypeError, ValueError, RuntimeError):  # what cannot be compared may differ
        return False
