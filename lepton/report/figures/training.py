"""Figures of training: learning curves, score by cost, and runs across their settings."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from lepton.analysis.comparison import setting_text
from lepton.analysis.score_metrics import selection_name
from lepton.metric.direction import larger_is_better
from lepton.report.figures.hover import run_words, set_hover
from lepton.report.figures.labels import option_label, value_label
from lepton.report.figures.style import (
    FAINT,
    HIGHLIGHT,
    INK,
    LINE,
    MUTED,
    PAPER,
    marker_options,
    sampled_indices,
    series_color,
    subplots,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CURVES = ("val/score", "train/loss")  # columns of a history
TITLES = {"val/score": "validation score", "train/loss": "training loss"}
COST_LABELS = {"seconds": "training time, seconds", "parameters": "parameters"}
MAX_POINTS = 240  # of all curves of a plot together
MAX_OPTIONS = 8  # with colors of their own
MAX_PARALLEL_RUNS = 60


def learning_curves(
    histories: dict[tuple, list[pd.DataFrame]], metric: str = CURVES[0]
) -> "Figure":
    """The mean over each option's runs by epoch, with a band from the lowest to the highest.

    `metric`: the column of the metric that chose the epoch; the score where a history lacks it.
    """
    frames = [frame for option_frames in histories.values() for frame in option_frames]
    has_metric = all(metric in frame for frame in frames)
    curves = (metric if has_metric else CURVES[0], *CURVES[1:])
    columns = [column for column in curves if any(column in frame for frame in frames)]
    width = 5.2 if len(columns) == 1 else 7.4
    figure, axes = subplots(width, 3.1, columns=len(columns), squeeze=False)
    for ax, column in zip(axes[0], columns, strict=True):
        _draw_learning_curves(ax, histories, column)
    if len(histories) > 1:
        axes[0][0].legend()
    return figure


def _draw_learning_curves(
    ax: "Axes", histories: dict[tuple, list[pd.DataFrame]], column: str
) -> None:
    from matplotlib.ticker import MaxNLocator

    for i, (option, frames) in enumerate(histories.items()):
        curves = [frame.set_index("epoch")[column] for frame in frames if column in frame]
        if not curves:
            continue
        table = pd.concat(curves, axis=1).ffill().sort_index()
        table = table.iloc[:: max(1, len(table) * len(histories) // MAX_POINTS)]
        epochs, color = table.index.to_numpy() + 1, series_color(i)
        low, high = table.min(axis=1), table.max(axis=1)
        ax.fill_between(epochs, low, high, color=color, alpha=0.18, lw=0)
        marker = "o" if len(epochs) == 1 else None  # one epoch is no line
        ax.plot(epochs, table.mean(axis=1), color=color, marker=marker, label=option_label(option))
    ax.set_title(TITLES.get(column, selection_name(column)))
    ax.set_xlabel("epoch")
    locator = ax.xaxis.get_major_locator()
    assert isinstance(locator, MaxNLocator)
    locator.set_params(integer=True)


def score_by_cost(
    runs: pd.DataFrame, column: str, metric: str, *, larger_is_better: bool, labels: pd.Series
) -> "Figure":
    """Runs by cost and score, colored by their label; a line joins the Pareto front."""
    figure, ax = subplots()
    runs = runs[runs[column].notna() & runs[metric].notna()]
    costs, scores = runs[column].to_numpy(float), runs[metric].to_numpy(float)
    front = pareto_front(costs, scores, larger_is_better=larger_is_better)
    runs = runs.iloc[sampled_indices(len(runs))]
    labels = labels.loc[runs.index]
    names = list(dict.fromkeys(labels))
    style = {"s": 16, "alpha": 0.65, "lw": 0, **marker_options(len(runs))}
    for i, name in enumerate(names[:MAX_OPTIONS]):
        option_runs = runs[labels == name]
        x, y = option_runs[column].astype(float), option_runs[metric]
        dots = ax.scatter(x, y, color=series_color(i), label=name, **style)
        set_hover(dots, run_words(option_runs, metric))
    ax.plot(*front, color=INK, lw=1.2, drawstyle="steps-post", zorder=0)
    if len(runs) and runs[column].min() > 0 and runs[column].max() / runs[column].min() > 20:
        ax.set_xscale("log")
        ax.xaxis.set_major_formatter("{x:,.12g}")  # the default formula is no text
        ax.xaxis.set_minor_formatter("")
        ax.tick_params(which="minor", length=0)
    ax.set_xlabel(COST_LABELS[column])
    ax.set_ylabel(metric.replace("/", " "))
    if len(names) > 1:
        ax.legend()
    return figure


def pareto_front(
    costs: np.ndarray, scores: np.ndarray, *, larger_is_better: bool
) -> tuple[np.ndarray, np.ndarray]:
    """The costs and scores that no other pair beats by being as cheap or cheaper, and better."""
    sign = 1 if larger_is_better else -1
    order = np.lexsort((-sign * scores, costs))
    best_so_far = np.maximum.accumulate(sign * scores[order])
    is_on_front = np.array([], bool)
    if len(order):
        is_on_front = np.r_[True, best_so_far[1:] > best_so_far[:-1]]
    return costs[order][is_on_front], scores[order][is_on_front]


def parallel_coordinates(runs: pd.DataFrame, keys: list[str], score: str) -> "Figure":
    """A line a run through its settings to its score; the best tenth stands out."""
    runs = runs[runs[score].notna()]
    runs = runs.sort_values(score, ascending=larger_is_better(score, runs))
    if len(runs) > MAX_PARALLEL_RUNS:
        indices = np.linspace(0, len(runs) - 1, MAX_PARALLEL_RUNS).round().astype(int)
        runs = runs.iloc[np.unique(indices)]
    columns = [*keys, score]
    positions, marks = zip(*(_positions_and_marks(runs[column]) for column in columns), strict=True)
    figure, ax = subplots(max(5.2, 1.25 * len(columns)), 2.9)
    lines, first_best = np.column_stack(positions), len(runs) - max(1, len(runs) // 10)
    generator = np.random.default_rng(0)
    lines[:, :-1] += generator.uniform(-0.012, 0.012, lines[:, :-1].shape)
    for i, line in enumerate(lines):
        is_best = i >= first_best
        color, alpha = (HIGHLIGHT, 0.9) if is_best else (FAINT, 0.3)
        ax.plot(line, color=color, lw=1.1, alpha=alpha)
    for x, column_marks in enumerate(marks):
        ax.axvline(x, color=LINE, lw=1)
        for y, text in column_marks:
            box = {"fc": PAPER, "lw": 0, "pad": 1.2, "alpha": 0.85}
            label = value_label(text)
            ax.text(x + 0.03, y, label, fontsize=8, va="center", color=INK, bbox=box)
    titles = [key.replace(".", ".\n", 1) for key in keys] + [
        selection_name(score).replace(" ", "\n", 1)
    ]
    ax.set_xticks(range(len(columns)), titles, color=MUTED)
    ax.set_xlim(-0.1, len(columns) - 0.6)
    ax.set_yticks([])
    ax.grid(visible=False)
    ax.spines[:].set_visible(False)
    return figure


def _positions_and_marks(column: pd.Series) -> tuple[np.ndarray, list[tuple[float, str]]]:
    """The places of the values between 0 and 1, and the texts beside the axis with their places."""
    is_numeric = pd.api.types.is_numeric_dtype(column) and column.notna().all()
    if is_numeric and column.nunique() > 6:
        return _scaled_positions(column.to_numpy(float))
    values = (
        sorted(column.dropna().unique())
        if is_numeric
        else sorted(map(setting_text, column.unique()))
    )
    texts = [*map(setting_text, values)]
    scale = max(len(texts) - 1, 1)
    places = {text: i / scale for i, text in enumerate(texts)}
    positions = column.map(lambda value: places[setting_text(value)]).to_numpy(float)
    return positions, [(place, text) for text, place in places.items()]


def _scaled_positions(values: np.ndarray) -> tuple[np.ndarray, list[tuple[float, str]]]:
    """Numbers scaled to 0 to 1, logarithmically over a wide range; both ends are marked."""
    is_logarithmic = values.min() > 0 and values.max() / values.min() > 20
    scaled = np.log(values) if is_logarithmic else values
    positions = (scaled - scaled.min()) / ((scaled.max() - scaled.min()) or 1)
    low, high = np.quantile(values, [0, 1])
    return positions, [(0.0, f"{low:.3g}"), (1.0, f"{high:.3g}")]
