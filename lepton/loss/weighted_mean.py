"""The mean of losses by the weights of classes and of rows."""

import torch
from torch import Tensor


def weighted_mean(losses: Tensor, class_weights: Tensor | None, weight: Tensor | None) -> Tensor:
    """The mean of losses that are multiplied by the weights of their classes already.

    It is 0 where no row weighs anything.
    Shapes: losses and class_weights (B,) or (B, outputs); weight (B,), of the rows -> scalar.
    """
    if weight is None:
        return losses.mean() if class_weights is None else losses.sum() / class_weights.sum()
    ones = torch.ones_like(losses) if class_weights is None else class_weights
    total = times_row_weights(ones, weight).sum()
    return times_row_weights(losses, weight).sum() / at_least_tiny(total)


def times_row_weights(values: Tensor, weight: Tensor | None) -> Tensor:
    """Values of rows times the weights of these. Shapes: values (B,) or (B, outputs)."""
    if weight is None:
        return values
    weight = weight.to(values.dtype)
    return values * (weight if values.ndim == 1 else weight[:, None])


def at_least_tiny(total: Tensor) -> Tensor:
    """A sum of weights that can be divided by, also where rows weigh nothing."""
    return total.clamp_min(torch.finfo(total.dtype).tiny)


def at_least_32_bits(values: Tensor) -> Tensor:
    """Numbers of 16 bits in 32."""
    return values.to(torch.promote_types(values.dtype, torch.float32))
