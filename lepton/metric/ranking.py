"""AUROC and average precision of one column of probabilities, as torchmetrics rounds them.

By weights of rows they are those of rows that stand there so often, in 64 bits.
"""

import numpy as np
import torch
from torch import Tensor


def auroc(p: Tensor, y: Tensor, weight: Tensor | None = None) -> Tensor:
    """The area under the ROC curve of a column with both kinds of rows. Shapes: (N,), (N,)."""
    return _area(*curve(p, y, weight))


def average_precision(p: Tensor, y: Tensor, weight: Tensor | None = None) -> Tensor:
    """Precision averaged over the steps of recall, of a column with both kinds of rows.

    Shapes: (N,), (N,) -> scalar.
    """
    return _mean_precision(*curve(p, y, weight))


def rankings(p: Tensor, y: Tensor, weight: Tensor | None = None) -> Tensor:
    """Both of them, by one curve. Shapes: (N,), (N,) -> (2,)."""
    true, false = curve(p, y, weight)
    return torch.stack([_area(true, false), _mean_precision(true, false)])


def _area(true: Tensor, false: Tensor) -> Tensor:
    true, false = _from_zero(true), _from_zero(false)
    return torch.trapz(true / true[-1], false / false[-1])


def _mean_precision(true: Tensor, false: Tensor) -> Tensor:
    true, false = true.flip(0), false.flip(0)
    recall = torch.cat([true / true[0], torch.zeros(1)])
    return -torch.sum((recall[1:] - recall[:-1]) * (true / (true + false)))


def curve(p: Tensor, y: Tensor, weight: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """True and false positives at each different probability, from the highest on; by weights
    what these sum to. Shapes: (N,), (N,), weight (N,) -> (thresholds,), (thresholds,).
    """
    if weight is None:
        return _counts(p, y)
    order = p.argsort(descending=True)
    ordered = p[order]
    ends = torch.cat([ordered[1:] != ordered[:-1], torch.tensor([True])])
    true, false = ((weight * (y == of)).double()[order].cumsum(0)[ends] for of in (1, 0))
    return true, false


def _counts(p: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """The numbers of rows of a curve.

    The probabilities are sorted without their targets: few rows of a class among many are then
    looked up, which is many times as fast as an order of all rows.
    Shapes: (N,), (N,) -> (thresholds,), (thresholds,) whole numbers.
    """
    values, positive = p.numpy(), np.sort(p.numpy()[y.numpy() == 1])
    last = len(values) - 1
    if values[0] == values[last] and (values == values[0]).all():  # as a constant predictor says
        return torch.tensor([len(positive)]), torch.tensor([len(values) - len(positive)])
    ascending = np.sort(values)
    ends = np.append(np.flatnonzero(ascending[:0:-1] != ascending[-2::-1]), last)
    places = last - np.searchsorted(ascending, positive)
    true = np.cumsum(np.bincount(places, minlength=len(values)))[ends]
    return torch.from_numpy(true), torch.from_numpy(1 + ends - true)


def _from_zero(counts: Tensor) -> Tensor:
    return torch.cat([torch.zeros(1, dtype=counts.dtype), counts])
