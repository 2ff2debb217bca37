"""Chooses a rule on validation rows: calibrated first, then the thresholds of what comes of it."""

from dataclasses import replace

import numpy as np

from lepton.decision.calibration import COLUMN_FITS, Weights, fit_softmax
from lepton.decision.rule import DecisionRule
from lepton.decision.thresholds import (
    DEFAULT,
    balanced_accuracy,
    best_threshold,
    f1_score,
    less_cost,
)
from lepton.errors import LeptonError

Threshold = str | float  # none, f1, balanced, cost, or the threshold itself
OF_CLASSES = ("balanced", "cost")  # what several classes are decided by
CRITERIA = {"f1": f1_score, "balanced": balanced_accuracy}


def refuse_threshold(threshold: Threshold, *, task: str, classes: int) -> None:
    """Raises: LeptonError for a threshold that several classes cannot have."""
    if task == "multiclass" and threshold not in ("none", *OF_CLASSES):
        raise LeptonError(
            f"threshold: {threshold} is for two classes, or labels; of {classes} classes "
            f"{' or '.join(OF_CLASSES)} decides"
        )


def choose_rule(
    p: np.ndarray,
    y: np.ndarray,
    weight: Weights = None,
    *,
    task: str,
    threshold: Threshold,
    costs: np.ndarray | None,
    calibration: str,
) -> DecisionRule:
    """The rule that is best on these rows, of a task with classes or labels.

    Shapes: p (N,) for binary, else (N, classes or labels); y (N,) of class numbers, of labels
        (N, labels); weight (N,); costs (classes, classes), of labels (2, 2).
    Raises: LeptonError for a threshold that several classes cannot have.
    """
    if weight is not None and not weight.all():
        p, y, weight = (values[weight > 0] for values in (p, y, weight))
    rule = _calibrated(p, y, weight, task, calibration)
    p = rule.probabilities(p)
    refuse_threshold(threshold, task=task, classes=p.shape[-1])
    if task == "multiclass":
        return replace(rule, costs=_class_costs(y, weight, p.shape[1], threshold, costs))
    columns = [(p, y)] if task == "binary" else list(zip(p.T, y.T, strict=True))
    chosen = tuple(_threshold(*column, weight, threshold, costs) for column in columns)
    return replace(rule, thresholds=chosen)


def _calibrated(
    p: np.ndarray, y: np.ndarray, weight: Weights, task: str, calibration: str
) -> DecisionRule:
    """The rule that calibrates; classes apart, each against the others, but for a temperature."""
    labels = () if task == "multiclass" else (DEFAULT,) * (1 if task == "binary" else p.shape[1])
    if calibration == "none":
        return DecisionRule(thresholds=labels)
    if task == "multiclass" and calibration == "temperature":
        return DecisionRule(softmax=fit_softmax(p, y, weight))
    fit = COLUMN_FITS[calibration]
    if task == "binary":
        return DecisionRule(maps=(fit(p, y, weight),), thresholds=labels)
    outcomes = y.T if task == "multilabel" else np.arange(p.shape[1])[:, None] == y
    maps = tuple(fit(*column, weight) for column in zip(p.T, outcomes.astype(int), strict=True))
    return DecisionRule(maps=maps, thresholds=labels)


def _threshold(
    p: np.ndarray, y: np.ndarray, weight: Weights, threshold: Threshold, costs: np.ndarray | None
) -> float:
    if not isinstance(threshold, str):
        return float(threshold)
    if threshold == "none":
        return DEFAULT
    if threshold == "cost":
        assert costs is not None
        return best_threshold(p, y, less_cost(costs), weight)
    return best_threshold(p, y, CRITERIA[threshold], weight)


def _class_costs(
    y: np.ndarray, weight: Weights, classes: int, threshold: Threshold, costs: np.ndarray | None
) -> np.ndarray | None:
    """The costs by which several classes are decided; a balanced one is 1 / its share of rows."""
    if threshold == "none":
        return None
    if threshold == "cost":
        return costs
    counts = np.bincount(y, weights=weight, minlength=classes)
    of_class = counts.sum() / np.where(counts > 0, counts, 1) / classes
    return of_class[:, None] * (1 - np.eye(classes))
