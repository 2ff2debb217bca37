"""AUROC and average precision of one column of probabilities, as torchmetrics rounds them."""

import numpy as np
import torch
from torch import Tensor


def auroc(p: Tensor, y: Tensor) -> Tensor:
    """The area under the ROC curve of a column with both kinds of rows. Shapes: (N,), (N,)."""
    return _area(*_curve(p, y))


def average_precision(p: Tensor, y: Tensor) -> Tensor:
    """Precision averaged over the steps of recall, of a column with both kinds of rows.

    Shapes: (N,), (N,) -> scalar.
    """
    return _mean_precision(*_curve(p, y))


def rankings(p: Tensor, y: Tensor) -> Tensor:
    """Both of them, by one curve. Shapes: (N,), (N,) -> (2,)."""
    true, false = _curve(p, y)
    return torch.stack([_area(true, false), _mean_precision(true, false)])


def _area(true: Tensor, false: Tensor) -> Tensor:
    true, false = _from_zero(true), _from_zero(false)
    return torch.trapz(true / true[-1], false / false[-1])


def _mean_precision(true: Tensor, false: Tensor) -> Tensor:
    true, false = true.flip(0), false.flip(0)
    recall = torch.cat([true / true[0], torch.zeros(1)])
    return -torch.sum((recall[1:] - recall[:-1]) * (true / (true + false)))


def _curve(p: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """True and false positives at each different probability, from the highest on.

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
