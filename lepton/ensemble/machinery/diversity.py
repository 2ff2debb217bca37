"""Diversity of members: where they predict other classes, and how much they err together."""

import torch
from torch import Tensor

from lepton.ensemble.combiner import predicted_classes


def disagreement(prediction: Tensor, task: str, weight: Tensor | None = None) -> Tensor | None:
    """The share of rows, or of labels, of which two members predict different classes.

    None for regression. Shapes: (members, rows[, classes]), (rows,) -> (members, members).
    """
    if task == "regression":
        return None
    classes = predicted_classes(prediction.double(), task).flatten(1)
    weights = _of_cells(prediction, weight)
    differ = classes @ ((1 - classes) * weights).T
    rows = weights.sum() / (prediction.shape[2] if task == "multiclass" else 1)
    return (differ + differ.T) / (2 * rows if task == "multiclass" else rows)


def error_correlation(
    prediction: Tensor, target: Tensor, task: str, weight: Tensor | None = None
) -> Tensor:
    """Pearson's correlation of what two members are off by; NaN where one is off by a constant.

    Shapes: (members, rows[, classes]), (rows,) or (rows, labels), (rows,) ->
        (members, members).
    """
    truth = target.double()
    if task == "multiclass":
        truth = torch.nn.functional.one_hot(target, prediction.shape[-1]).double()
    errors = (prediction.double() - truth).flatten(1)
    if weight is None:
        return torch.atleast_2d(torch.corrcoef(errors))
    weights = _of_cells(prediction, weight)
    errors = errors - (errors @ weights / weights.sum())[:, None]
    products = (errors * weights) @ errors.T
    spread = products.diagonal().sqrt()
    return products / spread / spread[:, None]


def _of_cells(prediction: Tensor, weight: Tensor | None) -> Tensor:
    """The weight of each row, repeated for all of its classes. Shapes: -> (rows[ x classes],)."""
    if weight is None:
        weight = torch.ones(prediction.shape[1], dtype=torch.float64)
    return weight.double().repeat_interleave(prediction[0, 0].numel())


def mean_over_others(pairs: Tensor | None) -> Tensor | None:
    """Each member's mean over the others. Shapes: (members, members) -> (members,)."""
    if pairs is None or len(pairs) < 2:
        return None
    return (pairs.sum(1) - pairs.diagonal()) / (len(pairs) - 1)
