"""Figures of a classifier's predictions: ROC, precision-recall, KS, confusion, calibration."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from lepton.report.figures.bins import equal_count_bins
from lepton.report.figures.labels import value_label
from lepton.report.figures.style import INK, LINE, MUTED, series_color, subplots
from lepton.report.predictions import Predictions
from lepton.stats.exchangeable import wilson_interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MAX_POINTS = 200  # of all curves of a plot together
CALIBRATION_BINS = 10
MAX_CLASSES = 5  # with curves


def binary_curves(predictions_by_name: dict[str, Predictions]) -> "Figure":
    """ROC and precision-recall curves of binary runs, and the KS plot of the first one."""
    from sklearn.metrics import precision_recall_curve, roc_curve

    figure, (roc_ax, pr_ax, ks_ax) = subplots(9.0, 3.1, columns=3)
    max_points = MAX_POINTS // len(predictions_by_name)
    for i, (name, run) in enumerate(predictions_by_name.items()):
        color = series_color(i)
        fpr, tpr, _ = roc_curve(run.target, run.prediction, sample_weight=run.weight)
        roc_ax.plot(*thinned(fpr, tpr, max_points), color=color, label=value_label(name))
        precision, recall, _ = precision_recall_curve(
            run.target, run.prediction, sample_weight=run.weight
        )
        points = thinned(recall, precision, max_points)
        pr_ax.plot(*points, color=color, drawstyle="steps-post")
    first = next(iter(predictions_by_name.values()))
    roc_ax.plot([0, 1], [0, 1], color=MUTED, lw=1, ls=":")
    pr_ax.axhline(first.positive_share, color=MUTED, lw=1, ls=":")
    _draw_ks(ks_ax, first)
    _label_unit_axes(roc_ax, "ROC", "false positive rate", "true positive rate")
    _label_unit_axes(pr_ax, "Precision and recall", "recall", "precision")
    _label_unit_axes(ks_ax, "KS", "predicted probability", "share of samples below")
    roc_ax.legend(loc="lower right")
    return figure


def class_curves(predictions: Predictions) -> "Figure":
    """ROC and precision-recall curves of each class against the rest, smallest ROC area first."""
    from sklearn.metrics import precision_recall_curve, roc_auc_score, roc_curve

    targets, probabilities = _class_targets(predictions), predictions.prediction
    classes = separable_classes(predictions)
    by_weight = {"sample_weight": predictions.weight}
    areas = {c: roc_auc_score(targets[:, c], probabilities[:, c], **by_weight) for c in classes}
    worst = sorted(classes, key=areas.__getitem__)[:MAX_CLASSES]
    max_points = MAX_POINTS // len(worst)
    figure, (roc_ax, pr_ax) = subplots(7.4, 3.3, columns=2)
    for i, c in enumerate(worst):
        color, label = series_color(i), f"{value_label(predictions.spec.classes[c])} {areas[c]:.3f}"
        fpr, tpr, _ = roc_curve(targets[:, c], probabilities[:, c], **by_weight)
        roc_ax.plot(*thinned(fpr, tpr, max_points), color=color, label=label)
        precision, recall, _ = precision_recall_curve(
            targets[:, c], probabilities[:, c], **by_weight
        )
        points = thinned(recall, precision, max_points)
        pr_ax.plot(*points, color=color, drawstyle="steps-post")
    roc_ax.plot([0, 1], [0, 1], color=MUTED, lw=1, ls=":")
    _label_unit_axes(roc_ax, "ROC, area", "false positive rate", "true positive rate")
    _label_unit_axes(pr_ax, "Precision and recall", "recall", "precision")
    roc_ax.legend(loc="lower right")
    return figure


def separable_classes(predictions: Predictions) -> list[int]:
    """The classes with samples that are of the class and samples that are not."""
    shares = np.average(_class_targets(predictions), axis=0, weights=predictions.weight)
    return [c for c, share in enumerate(shares) if 0 < share < 1]


def _class_targets(predictions: Predictions) -> np.ndarray:
    """1 where a sample is of a class, else 0.

    Shapes: -> (N, classes).
    """
    if predictions.target.ndim > 1:
        return predictions.target
    return np.eye(predictions.prediction.shape[1])[predictions.target.astype(int)]


def thinned(x: np.ndarray, y: np.ndarray, max_points: int) -> tuple[np.ndarray, np.ndarray]:
    """Points of a curve at equal steps of their index, with both ends."""
    indices = np.unique(np.linspace(0, len(x) - 1, max_points).round().astype(int))
    return x[indices], y[indices]


def _label_unit_axes(ax: "Axes", title: str, x_label: str, y_label: str) -> None:
    """Sets title and labels, and lets both axes go from 0 to 1."""
    ax.set_title(title)
    ax.set_xlabel(x_label)
    ax.set_ylabel(y_label)
    _set_unit_limits(ax)


def _set_unit_limits(ax: "Axes") -> None:
    ax.set_xlim(-0.02, 1.02)
    ax.set_ylim(-0.02, 1.02)


def _draw_ks(ax: "Axes", predictions: Predictions) -> None:
    """Draws the cumulative distributions of both classes and their largest gap."""
    target, prediction = predictions.target, predictions.prediction
    grid, place = np.unique(prediction, return_inverse=True)
    of_class = (np.bincount(place, predictions.counts * (target == c)) for c in (0, 1))
    negatives, positives = (np.cumsum(counts) / counts.sum() for counts in of_class)
    colors = series_color(2), series_color(4)
    curves = zip(predictions.spec.classes, (negatives, positives), colors, strict=True)
    for name, shares, color in curves:
        ax.plot(*thinned(grid, shares, MAX_POINTS // 3), color=color, label=value_label(name))
    i = int(np.abs(negatives - positives).argmax())
    ax.plot([grid[i]] * 2, [negatives[i], positives[i]], color=INK, lw=1.6)
    gap, middle = abs(negatives[i] - positives[i]), (negatives[i] + positives[i]) / 2
    ax.text(grid[i], middle, f" {gap:.3f}", va="center")
    ax.legend(loc="lower right")


def confusion(predictions: Predictions) -> "Figure":
    """Counts, or weights, by true and predicted class, shaded by the share of the true class."""
    from matplotlib.patches import Rectangle

    counts = confusion_table(predictions)
    labels = [value_label(name) for name in predictions.spec.classes]
    figure, ax = subplots(4.6, max(2.6, 0.9 + 0.36 * len(labels)))
    totals, digits = counts.sum(1, keepdims=True), 0 if predictions.weight is None else 1
    shares = counts / np.where(totals > 0, totals, 1)
    for i, j in np.ndindex(counts.shape):
        color, alpha = series_color(0 if i == j else 4), 0.04 + 0.5 * shares[i, j]
        ax.add_patch(Rectangle((j - 0.5, i - 0.5), 1, 1, fc=color, alpha=alpha, lw=0))
        ax.text(j, i, f"{counts[i, j]:.{digits}f}", ha="center", va="center")
    ax.set_xticks(range(len(labels)), labels, rotation=0 if len(labels) < 5 else 40)
    ax.set_yticks(range(len(labels)), labels)
    ax.set_xlim(-0.5, len(labels) - 0.5)
    ax.set_ylim(len(labels) - 0.5, -0.5)
    ax.set_xlabel("predicted")
    ax.set_ylabel("true")
    ax.grid(visible=False)
    ax.spines[:].set_color(LINE)
    return figure


def confusion_table(predictions: Predictions) -> np.ndarray:
    """Counts of samples, or their weights, true by predicted class; ties go to the first class.

    Shapes: -> (classes, classes).
    """
    p = predictions.prediction
    predicted = (p > 0.5).astype(int) if p.ndim == 1 else p.argmax(1)
    count = len(predictions.spec.classes)
    cells = predictions.target.astype(int) * count + predicted
    return np.bincount(cells, predictions.weight, count**2).reshape(count, count)


def calibration(predictions: Predictions) -> "Figure":
    """Observed shares against predicted probabilities, in bins of as many samples each."""
    table = calibration_table(predictions)
    below = (table["observed"] - table["low"]).clip(lower=0)
    above = (table["high"] - table["observed"]).clip(lower=0)
    figure, ax = subplots(4.6, 3.3)
    ax.plot([0, 1], [0, 1], color=MUTED, lw=1, ls=":")
    style = {"fmt": "o-", "ms": 4, "color": series_color(0), "elinewidth": 1}
    ax.errorbar(table["predicted"], table["observed"], yerr=[below, above], **style)
    if predictions.spec.task == "multiclass":
        ax.set_xlabel("confidence in the predicted class")
        ax.set_ylabel("share that was right")
    else:
        ax.set_xlabel("predicted probability")
        ax.set_ylabel(f"share of {value_label(predictions.spec.classes[-1])}")
    _set_unit_limits(ax)
    return figure


def calibration_table(predictions: Predictions) -> pd.DataFrame:
    """Mean predicted probability and observed share in bins of about as many samples each.

    Columns: predicted, observed, n, low and high (95 % Wilson interval); by weights n is how many
    samples these are worth.
    """
    if predictions.spec.task == "multiclass":
        predicted, observed = predictions.prediction.max(1), 1 - predictions.errors
    else:
        predicted, observed = predictions.prediction.ravel(), predictions.target.ravel()
    bins = equal_count_bins(predicted, CALIBRATION_BINS)
    weight = predictions.counts.repeat(len(predicted) // len(predictions.ids))
    columns = {"predicted": predicted * weight, "observed": observed * weight, "weight": weight}
    sums = pd.DataFrame(columns | {"square": weight**2}).groupby(bins).sum()
    table = sums[["predicted", "observed"]].div(sums["weight"], axis=0)
    table["n"] = sums["weight"] ** 2 / sums["square"]
    low, high = wilson_interval(table["observed"] * table["n"], table["n"])
    return table.assign(low=low, high=high)
