"""Figures that compare options: distributions of scores, paired changes, scores by a setting."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lepton.analysis.comparison import Comparison, setting_text
from lepton.analysis.conclusions import SIGNIFICANCE_LEVEL
from lepton.analysis.grouping import rows_by_key
from lepton.report.figures.hover import set_hover
from lepton.report.figures.labels import option_label
from lepton.report.figures.style import (
    BETTER,
    FAINT,
    INK,
    MAX_DRAWN_RUNS,
    MUTED,
    WORSE,
    marker_options,
    sampled_indices,
    series_color,
    subplots,
)
from lepton.report.number_format import format_interval, format_number
from lepton.stats.pairs import PairedScores

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MAX_LINES = 8  # options drawn over a number
MAX_PAIRS = 60


def forest(comparison: Comparison) -> "Figure":
    """Each option's difference from the baseline with its interval, and a line at zero."""
    rivals = [
        (option, row)
        for option, (_, row) in zip(comparison.options(), comparison.table.iterrows(), strict=True)
        if np.isfinite(row["gap_low"])
    ]
    figure, ax = subplots(height=1.0 + 0.36 * len(rivals))
    ax.axvline(0, color=INK, lw=1.2, ls="--", zorder=1)
    for i, (option, row) in enumerate(rivals):
        color = _verdict_color(row, larger_is_better=comparison.larger_is_better)
        ax.plot([row["gap_low"], row["gap_high"]], [i, i], color=color, lw=2.2)
        interval = format_interval(row["gap_low"], row["gap_high"], "+")
        dot = ax.scatter([row["difference"]], [i], s=42, color=color, lw=0, zorder=3)
        words = f"{option_label(option)}: {format_number(row['difference'], '+')}, 95 % {interval}"
        set_hover(dot, [words])
    ax.set_yticks(range(len(rivals)), [option_label(option) for option, _ in rivals], color=INK)
    ax.set_ylim(len(rivals) - 0.5, -0.5)
    better = "right" if comparison.larger_is_better else "left"
    metric = comparison.metric.replace("/", " ")
    ax.set_xlabel(f"{metric} minus that of {option_label(comparison.baseline)}; {better} is better")
    ax.grid(axis="y", visible=False)
    return figure


def _verdict_color(row: pd.Series, *, larger_is_better: bool) -> str:
    """Green or red where the corrected test tells the option from the baseline, else grey."""
    if not row["p_holm"] < SIGNIFICANCE_LEVEL:
        return FAINT
    return BETTER if (row["difference"] > 0) == larger_is_better else WORSE


def distribution(
    comparison: Comparison, scores: dict[tuple, np.ndarray], words: dict[tuple, list[str]]
) -> "Figure":
    """The scores of each option's runs, their mean and its 95 % interval; `words` are the runs'."""
    options = comparison.options()
    figure, ax = subplots(height=0.9 + 0.36 * len(options))
    generator = np.random.default_rng(0)
    markers = marker_options(min(sum(map(len, scores.values())), MAX_DRAWN_RUNS))
    for i, (option, (_, row)) in enumerate(zip(options, comparison.table.iterrows(), strict=True)):
        sample = sampled_indices(len(scores[option]), MAX_DRAWN_RUNS // len(options))
        drawn_scores = scores[option][sample]
        jitter = generator.uniform(-0.16, 0.16, len(drawn_scores))
        color = series_color(0)
        dots = ax.scatter(drawn_scores, i + jitter, s=20, color=color, alpha=0.5, lw=0, **markers)
        set_hover(dots, [words[option][run] for run in sample])
        if np.isfinite(row["low"]):
            ax.plot([row["low"], row["high"]], [i, i], color=INK, lw=1.4)
        ax.plot(row["mean"], i, "o", ms=5, color=INK)
    ax.set_yticks(range(len(options)), [option_label(option) for option in options], color=INK)
    ax.set_ylim(len(options) - 0.5, -0.5)
    ax.set_xlabel(comparison.metric.replace("/", " "))
    ax.grid(axis="y", visible=False)
    return figure


def paired_change(
    pairs: PairedScores, labels: tuple[str, str], metric: str, *, larger_is_better: bool
) -> "Figure":
    """Each pair as a line from the baseline to the option, better and worse in two colors."""
    figure, ax = subplots()
    before, after = pairs.baseline, pairs.option
    is_better = (after > before) if larger_is_better else (after < before)
    first_pairs = (values[:MAX_PAIRS] for values in (before, after, is_better))
    for start, end, better in zip(*first_pairs, strict=True):
        color = BETTER if better else WORSE
        ax.plot([0, 1], [start, end], "-o", ms=3.5, lw=1.1, color=color, alpha=0.75)
    ax.plot([0, 1], [before.mean(), after.mean()], color=INK, lw=2.6)
    ax.set_xticks([0, 1], labels, color=INK)
    ax.set_xlim(-0.25, 1.25)
    ax.set_ylabel(metric.replace("/", " "))
    ax.grid(axis="x", visible=False)
    return figure


def score_over_number(
    runs: pd.DataFrame, key: str, other_keys: list[str], metric: str, untuned_metric: str | None
) -> "Figure":
    """The mean score over the values of a number, with a band from the lowest to the highest run.

    A line an option of the other keys; a dotted one for the untuned networks, where there are any.
    """
    figure, ax = subplots(6.4, 3.4)
    positions = number_positions(runs[key])
    options = rows_by_key(runs, other_keys)[:MAX_LINES]
    for i, (option, option_runs) in enumerate(options):
        style = {"color": series_color(i), "label": option_label(option)}
        _mean_and_band(ax, option_runs, key, metric, positions, **style)
    if untuned_metric:
        style = {"color": MUTED, "ls": ":", "label": "untuned"}
        _mean_and_band(ax, runs, key, untuned_metric, positions, **style)
    ax.set_xticks([*positions.values()], map(setting_text, positions), color=MUTED)
    ax.set_xlabel(key)
    ax.set_ylabel(metric.replace("/", " "))
    if other_keys or untuned_metric:
        ax.legend()
    return figure


def number_positions(column: pd.Series) -> dict[float | None, float]:
    """The place of each value on the axis, logarithmic for values over a wide range.

    None, which is no number, stands to the right of the largest.
    """
    values = sorted(column.dropna().unique().astype(float))
    if not values:
        return {None: 0.0}
    is_logarithmic = values[0] > 0 and values[-1] / values[0] > 8
    scaled = np.log(values) if is_logarithmic else values
    positions: dict[float | None, float] = dict(zip(values, scaled, strict=True))
    if column.isna().any():
        positions[None] = 1.18 * max(positions.values()) - 0.18 * min(positions.values())
    return positions


def _mean_and_band(
    ax: "Axes",
    runs: pd.DataFrame,
    key: str,
    metric: str,
    positions: dict[float | None, float],
    **line_style: Any,
) -> None:
    scored = runs[runs[metric].notna()]
    places = scored[key].map(lambda v: positions[None if pd.isna(v) else float(v)])
    scores = scored[metric].astype(float).groupby(places)
    table = scores.agg(["mean", "min", "max"]).sort_index()
    color = line_style["color"]
    ax.fill_between(table.index, table["min"], table["max"], color=color, alpha=0.15, lw=0)
    ax.plot(table.index, table["mean"], marker="o", ms=3.5, **line_style)
