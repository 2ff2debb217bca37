"""Figures of what deciding by a score brings: cumulative gain, lift, and metrics by threshold."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lepton.report.figures.classification import MAX_POINTS, thinned
from lepton.report.figures.labels import value_label
from lepton.report.figures.style import INK, MUTED, series_color, subplots
from lepton.report.predictions import Predictions

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

STEPS = 200  # of thresholds between 0 and 1
LEAST_SHARE = 0.02  # of samples, below which lift is mostly chance and not drawn


@dataclass(frozen=True)
class Threshold:
    """Calibrated probabilities of a binary run, and the threshold that decides of them.

    `costs` are those that it was chosen by. Shapes: p (N,); costs (2, 2) of true x decided class.
    """

    p: np.ndarray
    value: float
    costs: np.ndarray | None


def gain_curve(
    target: np.ndarray, p: np.ndarray, weight: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The share of samples taken, highest scores first, and the share of positives among these.

    Equal scores are taken at once; a straight line between is what their order by chance gives.
    Shapes: (N,) of 0 and 1, (N,), weight (N,) -> (different scores + 1,) twice, from 0 to 1.
    """
    weight = np.ones(len(p)) if weight is None else weight
    order = np.argsort(-p, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(p[order])), len(p) - 1)
    taken, found = (values[order].cumsum()[ends] for values in (weight, weight * target))
    return np.append(0, taken / taken[-1]), np.append(0, found / found[-1])


def threshold_metrics(
    target: np.ndarray,
    p: np.ndarray,
    thresholds: np.ndarray,
    costs: np.ndarray | None,
    weight: np.ndarray | None = None,
) -> dict[str, np.ndarray]:
    """Precision, recall and F1 of what exceeds each threshold; with costs also `cost`, as a share
    of that of the cheaper of deciding for one class alone.

    Precision is NaN where nothing exceeds. Shapes: weight (N,) -> (thresholds,) each.
    """
    weight = np.ones(len(p)) if weight is None else weight
    shares = np.bincount(target.astype(int), weight, 2)
    right, false = (_exceeding(p, weight * (target == c), thresholds) for c in (1, 0))
    told = right + false
    metrics = {
        "precision": np.where(told > 0, right / np.where(told > 0, told, 1), np.nan),
        "recall": right / shares[1],
        "F1": 2 * right / (told + shares[1]),
    }
    if costs is not None:
        counts = np.stack([shares[0] - false, false, shares[1] - right, right])
        cheaper = (shares @ costs).min()
        metrics["cost"] = costs.flatten() @ counts / (cheaper if cheaper > 0 else np.nan)
    return metrics


def _exceeding(p: np.ndarray, weight: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """The weight of what exceeds each threshold. Shapes: (N,), (N,) -> (thresholds,)."""
    order = np.argsort(-p, kind="stable")
    from_highest = np.append(0, weight[order].cumsum())
    return from_highest[np.searchsorted(-p[order], -thresholds, "left")]


def gain_lift_threshold(
    predictions_by_name: dict[str, Predictions], threshold: Threshold
) -> "Figure":
    """Gain and lift of binary runs, and the metrics of the first one by threshold."""
    figure, (gain_ax, lift_ax, threshold_ax) = subplots(9.0, 3.1, columns=3)
    max_points = MAX_POINTS // len(predictions_by_name)
    for i, (name, run) in enumerate(predictions_by_name.items()):
        shares, gains = gain_curve(run.target, run.prediction, run.weight)
        color = series_color(i)
        gain_ax.plot(*thinned(shares, gains, max_points), color=color, label=value_label(name))
        is_drawn = shares >= LEAST_SHARE
        lifts = gains[is_drawn] / shares[is_drawn]
        lift_ax.plot(*thinned(shares[is_drawn], lifts, max_points), color=color)
    first = next(iter(predictions_by_name.values()))
    gain_ax.plot([0, first.positive_share, 1], [0, 1, 1], color=MUTED, lw=1, ls="--")
    gain_ax.plot([0, 1], [0, 1], color=MUTED, lw=1, ls=":")
    lift_ax.axhline(1, color=MUTED, lw=1, ls=":")
    positive = value_label(first.spec.classes[1])
    _label(gain_ax, "Cumulative gain", "share of samples, highest first", f"share of {positive}")
    _label(lift_ax, "Lift", "share of samples, highest first", f"times as many {positive}")
    gain_ax.legend(loc="lower right")
    _draw_threshold(threshold_ax, first, threshold)
    return figure


def _draw_threshold(ax: "Axes", predictions: Predictions, threshold: Threshold) -> None:
    grid = np.linspace(0, 1, STEPS + 1)
    compared = predictions.target, threshold.p, grid, threshold.costs, predictions.weight
    metrics = threshold_metrics(*compared)
    for i, (name, values) in enumerate(metrics.items()):
        ax.plot(*thinned(grid, values, MAX_POINTS // 3), color=series_color(i), label=name)
    ax.axvline(threshold.value, color=INK, lw=1)
    ax.text(threshold.value, 1.03, f" {threshold.value:.2f}", fontsize=8)
    _label(
        ax, "Threshold", "threshold", f"of deciding for {value_label(predictions.spec.classes[1])}"
    )
    ax.set_ylim(-0.02, 1.1)
    ax.legend(loc="best")


def _label(ax: "Axes", title: str, x_label: str, y_label: str) -> None:
    ax.set_title(title)
    ax.set_xlabel(x_label)
    ax.set_ylabel(y_label)
    ax.set_xlim(-0.02, 1.02)
