"""Metrics of the predicted classes, from counts of each class: no table of classes x classes."""

import torch
from torch import Tensor


def class_counts(
    p: Tensor, y: Tensor, weight: Tensor | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """Of each class the rows that are told right, those that are of it, those told to be of it;
    by weights what these sum to.

    Ties go to the first class, in binary to negative. Shapes: -> three times (classes,).
    """
    predicted, classes = ((p > 0.5).long(), 2) if p.ndim == 1 else (p.argmax(1), p.shape[1])
    is_right = predicted == y
    weights = None if weight is None else weight[is_right], weight, weight
    counts = [
        torch.bincount(labels, weights=of_labels, minlength=classes)
        for labels, of_labels in zip((y[is_right], y, predicted), weights, strict=True)
    ]
    return counts[0].double(), counts[1].double(), counts[2].double()


def balanced_accuracy(p: Tensor, y: Tensor, weight: Tensor | None = None) -> Tensor:
    """Recall averaged over the classes that the split has; undefined for one class alone."""
    right, support, _ = class_counts(p, y, weight)
    recall = (right / support)[support > 0]
    return recall.mean() if len(recall) > 1 else torch.tensor(float("nan"))


def mcc(p: Tensor, y: Tensor, weight: Tensor | None = None) -> Tensor:
    """Matthews correlation coefficient; 0 when all predictions are the same class.

    Source: Gorodkin 2004, https://doi.org/10.1016/j.compbiolchem.2004.09.006
    """
    right, true, predicted = class_counts(p, y, weight)
    n = true.sum()
    spread_true = n**2 - true.square().sum()
    spread_predicted = n**2 - predicted.square().sum()
    if (true > 0).sum() == 1:
        return torch.tensor(float("nan"))
    if (predicted > 0).sum() == 1:
        return torch.tensor(0.0)
    covariance = right.sum() * n - true @ predicted
    return covariance / (spread_true * spread_predicted).sqrt()


def binary_f1(p: Tensor, y: Tensor, weight: Tensor) -> Tensor:
    """F1 of the second class by weights of rows; 0 where no row is, or is told to be, of it."""
    right, true, predicted = (counts[1] for counts in class_counts(p, y, weight))
    return 2 * right / (true + predicted) if true + predicted > 0 else torch.tensor(0.0)


def macro_f1(p: Tensor, y: Tensor, weight: Tensor | None = None) -> Tensor:
    """The mean F1 of the classes that rows have or are told to be of, in the precision and order of
    torchmetrics, whose table of classes x classes it does without; in 64 bits by weights."""
    counts = class_counts(p, y, weight)
    right, true, predicted = counts if weight is not None else (c.float() for c in counts)
    seen = (true + predicted > 0).to(right.dtype)
    f1 = 2 * right / torch.where(seen > 0, true + predicted, 1)
    return (seen * f1 / seen.sum()).sum()
