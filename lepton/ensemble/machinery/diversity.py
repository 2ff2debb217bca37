"""Diversity of members: where they predict other classes, and how much they err together."""

import torch
from torch import Tensor

from lepton.ensemble.combiner import predicted_classes


def disagreement(prediction: Tensor, task: str) -> Tensor | None:
    """The share of rows, or of labels, of which two members predict different classes.

    None for regression. Shapes: (members, rows[, classes]) -> (members, members).
    """
    if task == "regression":
        return None
    classes = predicted_classes(prediction.double(), task).flatten(1)
    differ = classes @ (1 - classes).T
    rows = prediction.shape[1] if task != "multilabel" else classes.shape[1]
    return (differ + differ.T) / (2 * rows if task == "multiclass" else rows)


def error_correlation(prediction: Tensor, target: Tensor, task: str) -> Tensor:
    """Pearson's correlation of what two members are off by; NaN where one is off by a constant.

    Shapes: (members, rows[, classes]), (rows,) or (rows, labels) -> (members, members).
    """
    truth = target.double()
    if task == "multiclass":
        truth = torch.nn.functional.one_hot(target, prediction.shape[-1]).double()
    return torch.atleast_2d(torch.corrcoef((prediction.double() - truth).flatten(1)))


def mean_over_others(pairs: Tensor | None) -> Tensor | None:
    """Each member's mean over the others. Shapes: (members, members) -> (members,)."""
    if pairs is None or len(pairs) < 2:
        return None
    return (pairs.sum(1) - pairs.diagonal()) / (len(pairs) - 1)
