"""Figures of which settings matter: bars of importance, and the interaction of two keys."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from lepton.analysis.comparison import setting_text
from lepton.report.figures.labels import value_label
from lepton.report.figures.style import INK, LINE, series_color, subplots
from lepton.stats.importance import Importance
from lepton.stats.slices import binned

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MAX_KEYS = 10
MAX_VALUES, BINS = 8, 6  # numbers with more values are drawn in bins


def importance_bars(importance: Importance, metric: str) -> "Figure":
    """A bar a key: the share of the metric's variance that it explains."""
    keys = [*importance.shares][:MAX_KEYS]
    figure, ax = subplots(height=0.8 + 0.3 * len(keys))
    percentages = [100 * importance.shares[key] for key in keys]
    ax.barh(range(len(keys)), percentages, color=series_color(0), height=0.6)
    for i, percentage in enumerate(percentages):
        ax.text(percentage, i, f" {percentage:.1f} %", va="center", color=INK)
    ax.set_yticks(range(len(keys)), keys, color=INK)
    ax.set_ylim(len(keys) - 0.4, -0.6)
    ax.set_xlim(0, max(*percentages, 1) * 1.18)
    ax.set_xlabel(f"variance of {metric} explained, %")
    ax.grid(axis="y", visible=False)
    return figure


def interaction(runs: pd.DataFrame, keys: tuple[str, str], score: str) -> "Figure":
    """The mean score of every pair of values; the better it is, the fuller its cell."""
    from matplotlib.patches import Rectangle

    row_values, column_values = (_categories(runs[key]) for key in keys)
    means = runs.groupby([row_values, column_values], observed=True)[score].mean().unstack()
    row_count, column_count = means.shape
    figure, ax = subplots(height=1.0 + 0.36 * row_count)
    low, high = np.nanmin(means.to_numpy()), np.nanmax(means.to_numpy())
    for i in range(row_count):
        for j, mean in enumerate(means.iloc[i]):
            if np.isfinite(mean):
                alpha = 0.06 + 0.5 * (mean - low) / ((high - low) or 1)
                color = series_color(0)
                cell = Rectangle((j - 0.5, i - 0.5), 1, 1, fc=color, alpha=alpha, lw=0)
                ax.add_patch(cell)
                ax.text(j, i, f"{mean:.4g}", ha="center", va="center", fontsize=8)
    ax.set_xlim(-0.5, column_count - 0.5)
    ax.set_ylim(row_count - 0.5, -0.5)
    ax.set_yticks(range(row_count), map(value_label, means.index))
    ax.set_xticks(range(column_count), map(value_label, means.columns))
    if column_count > 5:
        ax.tick_params(axis="x", rotation=30)
    ax.set_ylabel(keys[0])
    ax.set_xlabel(keys[1])
    ax.grid(visible=False)
    ax.spines[:].set_color(LINE)
    return figure


def _categories(column: pd.Series) -> pd.Series | pd.Categorical:
    """The values as texts in their order; many numbers as bins of as many runs each."""
    is_numeric = pd.api.types.is_numeric_dtype(column)
    if is_numeric and column.nunique() > MAX_VALUES:
        return binned(column, BINS, "{:.3g} to {:.3g}")
    values = column.dropna().unique()
    ordered_texts = map(setting_text, sorted(values if is_numeric else map(str, values)))
    texts = column.map(setting_text)
    return pd.Categorical(texts, list(dict.fromkeys([*ordered_texts, *texts])), ordered=True)
