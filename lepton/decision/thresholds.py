"""Thresholds: the probability from above which a class is decided for, by what it is best for."""

from collections.abc import Callable

import numpy as np

DEFAULT = 0.5
# true positives and those told to be positive at each cut, all positives, all rows -> larger
# better; each a number of rows, or their weight
Criterion = Callable[[np.ndarray, np.ndarray, float, float], np.ndarray]


def f1_score(right: np.ndarray, told: np.ndarray, positives: float, rows: float) -> np.ndarray:
    """F1 of the class."""
    return 2 * right / (told + positives)


def balanced_accuracy(
    right: np.ndarray, told: np.ndarray, positives: float, rows: float
) -> np.ndarray:
    """The mean of the recalls of both classes."""
    negatives = rows - positives
    return (right / positives + (negatives - told + right) / negatives) / 2


def less_cost(costs: np.ndarray) -> Criterion:
    """The negative cost of all rows, by costs of true class x decided class. Shapes: (2, 2)."""

    def criterion(right: np.ndarray, told: np.ndarray, positives: float, rows: float) -> np.ndarray:
        false, missed = told - right, positives - right
        counts = np.stack([rows - told - missed, false, missed, right])
        return -costs.flatten() @ counts

    return criterion


def best_threshold(
    p: np.ndarray, y: np.ndarray, criterion: Criterion, weight: np.ndarray | None = None
) -> float:
    """The threshold of the best value, halfway between two probabilities; of equals that nearest
    to one half. One half where the rows are of one class alone.

    Shapes: (N,), (N,) of 0 and 1, weight (N,) above 0.
    """
    weight = np.ones(len(y), dtype=int) if weight is None else weight
    positives, rows = (weight * y).sum(), weight.sum()
    if positives in (0, rows):
        return DEFAULT
    order = np.argsort(-p, kind="stable")
    ordered = p[order].astype(float)
    below = np.append(ordered[1:], min(0.0, ordered[-1]))
    cuts = np.flatnonzero(ordered > below)  # after which another probability comes
    right = np.append(0, (weight * y)[order].cumsum()[cuts])
    told = np.append(0, weight[order].cumsum()[cuts])
    halfway = (ordered[cuts] + below[cuts]) / 2
    thresholds = np.append((1 + ordered[0]) / 2, halfway)
    values = criterion(right, told, positives, rows)
    best = np.flatnonzero(values >= values.max() - 1e-12)
    return float(thresholds[best[np.abs(thresholds[best] - DEFAULT).argmin()]])
