"""Metrics of the predicted classes, from counts of each class: no table of classes x classes."""

import torch
from torch import Tensor


def class_counts(p: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Of each class the rows that are told right, those that are of it, those told to be of it.

    Ties go to the first class, in binary to negative. Shapes: -> three times (classes,).
    """
    predicted, classes = ((p > 0.5).long(), 2) if p.ndim == 1 else (p.argmax(1), p.shape[1])
    right = y[predicted == y]
    counts = [torch.bincount(labels, minlength=classes) for labels in (right, y, predicted)]
    return counts[0].double(), counts[1].double(), counts[2].double()


def balanced_accuracy(p: Tensor, y: Tensor) -> Tensor:
    """Recall averaged over the classes that the split has; undefined for one class alone."""
    right, support, _ = class_counts(p, y)
    recall = (right / support)[support > 0]
    return recall.mean() if len(recall) > 1 else torch.tensor(float("nan"))


def mcc(p: Tensor, y: Tensor) -> Tensor:
    """Matthews correlation coefficient; 0 when all predictions are the same class.

    Source: Gorodkin 2004, https://doi.org/10.1016/j.compbiolchem.2004.09.006
    """
    right, true, predicted = class_counts(p, y)
    n = true.sum()
    spread_true = n**2 - true.square().sum()
    spread_predicted = n**2 - predicted.square().sum()
    if spread_true == 0:
        return torch.tensor(float("nan"))
    if spread_predicted == 0:
        return torch.tensor(0.0)
    covariance = right.sum() * n - true @ predicted
    return covariance / (spread_true * spread_predicted).sqrt()


def macro_f1(p: Tensor, y: Tensor) -> Tensor:
    """The mean F1 of the classes that rows have or are told to be of, in the precision and order of
    torchmetrics, whose table of classes x classes it does without."""
    right, true, predicted = (counts.float() for counts in class_counts(p, y))
    f1 = 2 * right / (true + predicted).clamp(min=1)
    seen = (true + predicted > 0).float()
    return (seen * f1 / seen.sum()).sum()
