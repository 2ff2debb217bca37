"""Figures of a run's predictions: ROC, precision and recall, KS, confusion, calibration, slices."""

import numpy as np
import pandas as pd

from lepton.report.figures.options import label, short
from lepton.report.predictions import Predictions
from lepton.report.style import INK, LINE, MUTED, axes, dense, series

POINTS = 200  # of all curves of a kind together
BINS = 10
CLASSES = 5  # drawn of a run with more


def curves(runs: dict[str, Predictions]):
    """ROC and precision-recall of binary runs, and the first one's KS."""
    from sklearn.metrics import precision_recall_curve, roc_curve

    figure, (roc, pr, ks) = axes(9.0, 3.1, columns=3)
    for i, (name, run) in enumerate(runs.items()):
        fpr, tpr, _ = roc_curve(run.target, run.prediction)
        roc.plot(*_thin(fpr, tpr, len(runs)), color=series(i), label=label((name,)))
        precision, recall, _ = precision_recall_curve(run.target, run.prediction)
        pr.plot(*_thin(recall, precision, len(runs)), color=series(i), drawstyle="steps-post")
    first = next(iter(runs.values()))
    roc.plot([0, 1], [0, 1], color=MUTED, lw=1, ls=":")
    pr.axhline(first.target.mean(), color=MUTED, lw=1, ls=":")
    _ks(ks, first)
    _square(roc, "ROC", "false positive rate", "true positive rate")
    _square(pr, "Precision and recall", "recall", "precision")
    _square(ks, "KS", "predicted probability", "share of samples below")
    roc.legend(loc="lower right")
    return figure


def class_curves(run: Predictions):
    """ROC and precision-recall of each class against the rest, the one told worst first."""
    from sklearn.metrics import precision_recall_curve, roc_auc_score, roc_curve

    target, known = _each_class(run), both_kinds(run)
    areas = {i: roc_auc_score(target[:, i], run.prediction[:, i]) for i in known}
    worst = sorted(known, key=areas.__getitem__)[:CLASSES]
    figure, (roc, pr) = axes(7.4, 3.3, columns=2)
    for n, i in enumerate(worst):
        fpr, tpr, _ = roc_curve(target[:, i], run.prediction[:, i])
        name = f"{label((run.spec.classes[i],))} {areas[i]:.3f}"
        roc.plot(*_thin(fpr, tpr, len(worst)), color=series(n), label=name)
        precision, recall, _ = precision_recall_curve(target[:, i], run.prediction[:, i])
        pr.plot(*_thin(recall, precision, len(worst)), color=series(n), drawstyle="steps-post")
    roc.plot([0, 1], [0, 1], color=MUTED, lw=1, ls=":")
    _square(roc, "ROC, area", "false positive rate", "true positive rate")
    _square(pr, "Precision and recall", "recall", "precision")
    roc.legend(loc="lower right")
    return figure


def both_kinds(run: Predictions) -> list[int]:
    """The classes that some samples are of and some are not."""
    return [i for i, share in enumerate(_each_class(run).mean(0)) if 0 < share < 1]


def _each_class(run: Predictions) -> np.ndarray:
    """Shapes: -> (N, classes), 1 where a sample is of the class."""
    if run.target.ndim > 1:
        return run.target
    return np.eye(run.prediction.shape[1])[run.target.astype(int)]


def _square(ax, title: str, x: str, y: str) -> None:
    """Names, and both axes from 0 to 1."""
    ax.set_title(title)
    ax.set_xlabel(x)
    ax.set_ylabel(y)
    ax.set_xlim(-0.02, 1.02)
    ax.set_ylim(-0.02, 1.02)


def _ks(ax, run: Predictions) -> None:
    """Both classes' cumulative distributions, and where they are furthest apart."""
    grid = np.unique(run.prediction)
    below = [
        np.searchsorted(np.sort(run.prediction[run.target == c]), grid, "right")
        / (run.target == c).sum()
        for c in (0, 1)
    ]
    for c, name in enumerate(run.spec.classes):
        ax.plot(*_thin(grid, below[c], 3), color=series((2, 4)[c]), label=label((name,)))
    at = int(np.abs(below[0] - below[1]).argmax())
    ax.plot([grid[at]] * 2, [below[0][at], below[1][at]], color=INK, lw=1.6)
    gap, middle = abs(below[0][at] - below[1][at]), (below[0][at] + below[1][at]) / 2
    ax.text(grid[at], middle, f" {gap:.3f}", va="center")
    ax.legend(loc="lower right")


def _thin(x: np.ndarray, y: np.ndarray, curves: int) -> tuple[np.ndarray, np.ndarray]:
    kept = np.unique(np.linspace(0, len(x) - 1, POINTS // curves).round().astype(int))
    return x[kept], y[kept]


def confusion(run: Predictions):
    """Counts by true and predicted class; the shade is the share of the true class."""
    from matplotlib.patches import Rectangle

    classes, table = run.spec.classes, confusion_table(run)
    figure, ax = axes(4.6, max(2.6, 0.9 + 0.36 * len(classes)))
    share = table / np.maximum(table.sum(1, keepdims=True), 1)
    for i, j in np.ndindex(table.shape):
        color = series(0 if i == j else 4)
        box = Rectangle((j - 0.5, i - 0.5), 1, 1, fc=color, alpha=0.04 + 0.5 * share[i, j], lw=0)
        ax.add_patch(box)
        ax.text(j, i, str(table[i, j]), ha="center", va="center")
    names = [label((name,)) for name in classes]
    ax.set_xticks(range(len(classes)), names, rotation=0 if len(classes) < 5 else 40)
    ax.set_yticks(range(len(classes)), names)
    ax.set_xlim(-0.5, len(classes) - 0.5)
    ax.set_ylim(len(classes) - 0.5, -0.5)
    ax.set_xlabel("predicted")
    ax.set_ylabel("true")
    ax.grid(visible=False)
    ax.spines[:].set_color(LINE)
    return figure


def confusion_table(run: Predictions) -> np.ndarray:
    """Shapes: -> (classes, classes), true by predicted; ties go to the first class."""
    p = run.prediction
    predicted = (p > 0.5).astype(int) if p.ndim == 1 else p.argmax(1)
    classes = len(run.spec.classes)
    cells = np.bincount(run.target.astype(int) * classes + predicted, minlength=classes**2)
    return cells.reshape(classes, classes)


def calibration(run: Predictions):
    """What happened against what was predicted, in bins of as many samples each."""
    table = calibration_table(run)
    figure, ax = axes(4.6, 3.3)
    ax.plot([0, 1], [0, 1], color=MUTED, lw=1, ls=":")
    low = (table["observed"] - table["low"]).clip(lower=0)
    high = (table["high"] - table["observed"]).clip(lower=0)
    ax.errorbar(
        *(table["predicted"], table["observed"]),
        **{"yerr": [low, high], "fmt": "o-", "ms": 4, "color": series(0), "elinewidth": 1},
    )
    several = run.spec.task == "multiclass"
    ax.set_xlabel("confidence in the predicted class" if several else "predicted probability")
    ax.set_ylabel(
        "share that was right" if several else f"share of {label((run.spec.classes[-1],))}"
    )
    ax.set_xlim(-0.02, 1.02)
    ax.set_ylim(-0.02, 1.02)
    return figure


def calibration_table(run: Predictions) -> pd.DataFrame:
    """Columns: predicted, observed, n, low and high (95 % Wilson interval)."""
    if run.spec.task == "multiclass":
        p, y = run.prediction.max(1), 1 - run.wrong
    else:
        p, y = run.prediction.ravel(), run.target.ravel()
    bins = pd.qcut(p, BINS, labels=False, duplicates="drop")
    table = pd.DataFrame({"predicted": p, "observed": y, "n": 1}).groupby(bins)
    table = table.agg({"predicted": "mean", "observed": "mean", "n": "sum"})
    low, high = wilson(table["observed"] * table["n"], table["n"])
    return table.assign(low=low, high=high)


def wilson(successes, n):
    """The 95 % interval of a share.

    Source: Wilson 1927, https://doi.org/10.1080/01621459.1927.10502953
    """
    z = 1.959963984540054
    share = successes / n
    centre, scale = share + z**2 / (2 * n), 1 + z**2 / n
    half = z * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return (centre - half) / scale, (centre + half) / scale


def residuals(run: Predictions):
    """Predicted against true values; what is left of these against predicted ones."""
    figure, (ax, rest) = axes(7.8, 3.4, columns=2)
    low, high = (
        min(run.target.min(), run.prediction.min()),
        max(run.target.max(), run.prediction.max()),
    )
    ax.plot([low, high], [low, high], color=MUTED, lw=1, ls=":")
    style = {"s": 12, "alpha": 0.5, "lw": 0, "color": series(0)}
    ax.scatter(run.target, run.prediction, **style, **dense(len(run.ids)))
    ax.set_xlabel(f"true {label((run.spec.target_names[0],))}")
    ax.set_ylabel("predicted")
    left = run.target - run.prediction
    rest.axhline(0, color=MUTED, lw=1, ls=":")
    rest.scatter(run.prediction, left, **style, **dense(len(run.ids)))
    means = residual_means(run)
    rest.plot(means["predicted"], means["left"], "o-", ms=4, color=series(1))
    rest.set_xlabel("predicted")
    rest.set_ylabel("true minus predicted")
    return figure


def residual_means(run: Predictions) -> pd.DataFrame:
    """Columns: predicted, left; means in bins of as many samples each."""
    bins = pd.qcut(run.prediction, BINS, labels=False, duplicates="drop")
    table = pd.DataFrame({"predicted": run.prediction, "left": run.target - run.prediction})
    return table.groupby(bins).mean()


def slice_errors(table: pd.DataFrame, overall: float, measure: str):
    """The slices that differ most surely, with intervals, beside the whole split."""
    table = table.head(12).sort_values("mean", ascending=False)
    figure, ax = axes(5.6, 0.9 + 0.28 * len(table))
    ax.axvline(overall, color=MUTED, lw=1, ls=":")
    for i, row in enumerate(table.itertuples()):
        color = series(1) if row.p_holm < 0.05 else series(7)
        ax.plot([row.low, row.high], [i, i], color=color, lw=1.4)
        ax.plot(row.mean, i, "o", ms=5, color=color)
    names = [f"{short(row.slice, 34)} ({row.n})" for row in table.itertuples()]
    ax.set_yticks(range(len(table)), names, color=INK)
    ax.set_ylim(len(table) - 0.4, -0.6)
    ax.set_xlabel(measure)
    ax.grid(axis="y", visible=False)
    return figure
