"""Metrics of two classes as those of several: each class against the rest, and each label."""

from collections.abc import Callable

import torch
from torch import Tensor

BLOCK_CELLS = 1 << 20  # of probabilities that are looked at at a time
WeightedMetric = Callable[[Tensor, Tensor, Tensor | None], Tensor]  # prediction, target, weight


def by_class(
    metric: WeightedMetric, p: Tensor, y: Tensor, weight: Tensor | None, *, task: str
) -> Tensor:
    """A metric of two classes: of each class against the rest and of each label their mean."""
    average = {"binary": if_both_classes, "multiclass": one_against_rest}
    return average.get(task, macro_average)(metric, p, y, weight)


def if_both_classes(
    metric: WeightedMetric, p: Tensor, y: Tensor, weight: Tensor | None = None
) -> Tensor:
    """The value of a binary metric where both classes occur, else undefined."""
    return metric(p, y, weight) if y.min() != y.max() else undefined()


def macro_average(
    metric: WeightedMetric, p: Tensor, y: Tensor, weight: Tensor | None = None
) -> Tensor:
    """The mean of a binary metric over the columns in which both classes occur."""
    columns = (y.min(0).values != y.max(0).values).nonzero().flatten()
    return _mean_over_columns(metric, p, columns, lambda i: y[:, i].contiguous(), weight)


def one_against_rest(
    metric: WeightedMetric, p: Tensor, y: Tensor, weight: Tensor | None = None
) -> Tensor:
    """The same over the classes, each against all others."""
    counts = torch.bincount(y, minlength=p.shape[1])
    columns = ((counts > 0) & (counts < len(y))).nonzero().flatten()
    return _mean_over_columns(metric, p, columns, lambda i: (y == i).long(), weight)


def _mean_over_columns(
    metric: WeightedMetric,
    p: Tensor,
    columns: Tensor,
    target: Callable[[int], Tensor],
    weight: Tensor | None,
) -> Tensor:
    """The mean over some columns; undefined over none. A metric may have several values."""
    values = []
    if not len(columns):
        return undefined()
    for block in columns.split(max(1, BLOCK_CELLS // len(p))):  # turned at once: they are strided
        first, last = int(block[0]), int(block[-1])
        are_neighbours = last - first + 1 == len(block)
        several = p[:, first : last + 1] if are_neighbours else p[:, block]
        for i, column in zip(block.tolist(), several.T.contiguous(), strict=True):
            values.append(metric(column, target(i), weight).double())
    return torch.stack(values, -1).mean(-1)


def undefined() -> Tensor:
    return torch.tensor(float("nan"))


def row_blocks(*tensors: Tensor) -> list[tuple[Tensor, ...]]:
    """The tensors in blocks of rows, whose temporaries are small however many classes there are."""
    rows = max(1, BLOCK_CELLS // tensors[0].shape[1])
    return [tensor.split(rows) for tensor in tensors]
