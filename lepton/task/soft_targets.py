"""Targets of classes as probabilities, which can be mixed."""

import torch
from torch import Tensor


def as_probabilities(target: Tensor, classes: int) -> Tensor:
    """An encoded target as numbers: of class numbers a probability for each class.

    Shapes: (B,) int64 -> (B, classes); others as they are.
    """
    if target.is_floating_point():
        return target
    one_hot = target[:, None] == torch.arange(classes, device=target.device)
    return one_hot.to(torch.get_default_dtype())
