"""Weights of rows in metrics: a row of weight 3 counts as three, one of weight 0 is not there."""

from collections.abc import Iterator

import torch
from torch import Tensor

DIGITS = 52  # binary ones of a weight that count, from the first of the largest on


def counted_rows(
    prediction: Tensor, target: Tensor, weight: Tensor | None
) -> tuple[Tensor, Tensor, Tensor | None]:
    """The rows that count, and their weights in 64 bits; None where all of them count alike.

    Shapes: weight (N,).
    """
    if weight is None:
        return prediction, target, None
    weight = weight.detach().cpu().double()
    counts = weight > 0
    if not counts.all():
        prediction, target, weight = prediction[counts], target[counts], weight[counts]
    is_even = len(weight) == 0 or bool((weight == weight[0]).all())
    return prediction, target, None if is_even else weight


def row_mean(values: Tensor, weight: Tensor | None) -> Tensor:
    """The mean over rows by their weights, and over columns. Shapes: (N,) or (N, C) -> scalar."""
    if weight is None:
        return values.mean()
    of_rows = values if values.ndim == 1 else values.double().mean(1)
    return (of_rows * weight).sum() / weight.sum()


def middle(values: Tensor, weight: Tensor) -> Tensor:
    """The median by weights; the mean of two values between which half of all weight lies.

    Shapes: (N,), (N,) -> scalar.
    """
    values, order = values.sort()
    below = weight[order].cumsum(0)
    half = below[-1] / 2
    lower, upper = torch.searchsorted(below, half), torch.searchsorted(below, half, right=True)
    return values[torch.stack([lower, upper])].mean()


def binary_digits(weight: Tensor) -> Iterator[tuple[float, Tensor]]:
    """Yields numbers and the rows that each belongs to; those of a row sum to its weight.

    So what is a sum over rows becomes one by weights in a few sums without. Shapes: (N,) bool.
    """
    _, exponent = torch.frexp(weight.max())
    unit = 2.0 ** (int(exponent) - DIGITS)
    whole = (weight / unit).round().long()
    for digit in range(DIGITS + 1):
        if (rows := (whole >> digit) & 1 == 1).any():
            yield unit * 2.0**digit, rows
