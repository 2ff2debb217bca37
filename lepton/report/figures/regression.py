"""The figure of a regression run's predictions: predicted against true values, and residuals."""

from typing import TYPE_CHECKING

import pandas as pd

from lepton.report.figures.bins import equal_count_bins
from lepton.report.figures.labels import value_label
from lepton.report.figures.style import MUTED, marker_options, series_color, subplots
from lepton.report.predictions import Predictions

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BINS = 10


def residuals(predictions: Predictions) -> "Figure":
    """Two plots: predicted against true values, and true minus predicted against predicted."""
    target, prediction = predictions.target, predictions.prediction
    figure, (scatter_ax, residual_ax) = subplots(7.8, 3.4, columns=2)
    low, high = min(target.min(), prediction.min()), max(target.max(), prediction.max())
    style = {"s": 12, "alpha": 0.5, "lw": 0, "color": series_color(0)}
    style |= marker_options(len(predictions.ids))
    scatter_ax.plot([low, high], [low, high], color=MUTED, lw=1, ls=":")
    scatter_ax.scatter(target, prediction, **style)
    scatter_ax.set_xlabel(f"true {value_label(predictions.spec.target_names[0])}")
    scatter_ax.set_ylabel("predicted")
    means = residual_means(predictions)
    residual_ax.axhline(0, color=MUTED, lw=1, ls=":")
    residual_ax.scatter(prediction, target - prediction, **style)
    residual_ax.plot(means["predicted"], means["residual"], "o-", ms=4, color=series_color(1))
    residual_ax.set_xlabel("predicted")
    residual_ax.set_ylabel("true minus predicted")
    return figure


def residual_means(predictions: Predictions) -> pd.DataFrame:
    """Mean predictions and residuals, by weights, in bins of about as many samples each.

    Columns: predicted, residual.
    """
    prediction = predictions.prediction
    bins = equal_count_bins(prediction, BINS)
    table = pd.DataFrame({"predicted": prediction, "residual": predictions.target - prediction})
    weight = pd.Series(predictions.counts)
    sums = table.mul(weight, axis=0).groupby(bins).sum()
    return sums.div(weight.groupby(bins).sum(), axis=0)
