"""Figures of training: learning curves, cost, every run across its settings."""

import numpy as np
import pandas as pd

from lepton.analysis.comparison import word
from lepton.report.figures.options import label
from lepton.report.style import INK, LINE, MUTED, PAPER, axes, dense, sampled, series

POINTS = 240  # of all curves of a column together
CURVES = ("val/score", "train/loss")


def learning_curves(histories: dict[tuple, list[pd.DataFrame]]):
    """Mean over seeds of each option with the band from its lowest to its highest seed."""
    columns = [c for c in CURVES if any(c in h for hs in histories.values() for h in hs)]
    figure, axs = axes(5.2 if len(columns) == 1 else 7.4, 3.1, columns=len(columns), squeeze=False)
    for ax, column in zip(axs[0], columns, strict=True):
        for i, (option, found) in enumerate(histories.items()):
            curves = [h.set_index("epoch")[column] for h in found if column in h]
            if not curves:
                continue
            table = pd.concat(curves, axis=1).ffill().sort_index()
            table = table.iloc[:: max(1, len(table) * len(histories) // POINTS)]
            epochs = table.index.to_numpy() + 1
            ax.fill_between(
                epochs, table.min(axis=1), table.max(axis=1), color=series(i), alpha=0.18, lw=0
            )
            alone = "o" if len(epochs) == 1 else None  # one epoch is no line
            ax.plot(epochs, table.mean(axis=1), color=series(i), marker=alone, label=label(option))
        ax.set_title({"val/score": "validation score", "train/loss": "training loss"}[column])
        ax.set_xlabel("epoch")
        ax.xaxis.get_major_locator().set_params(integer=True)
    if len(histories) > 1:
        axs[0][0].legend()
    return figure


def cost(frame: pd.DataFrame, column: str, metric: str, *, larger: bool, options: pd.Series):
    """Runs by what they cost and score; the line joins those that no other beats in both."""
    figure, ax = axes()
    frame = frame[frame[column].notna() & frame[metric].notna()]
    x, y = pareto(frame[column].to_numpy(float), frame[metric].to_numpy(float), larger=larger)
    frame = frame.iloc[sampled(len(frame))]
    names = list(dict.fromkeys(options.loc[frame.index]))
    for i, name in enumerate(names[:8]):
        part = frame[options.loc[frame.index] == name]
        ax.scatter(
            *(part[column].astype(float), part[metric]),
            **{"s": 16, "color": series(i), "alpha": 0.65, "lw": 0, "label": name},
            **dense(len(frame)),
        )
    ax.plot(x, y, color=INK, lw=1.2, drawstyle="steps-post", zorder=0)
    if len(frame) and frame[column].min() > 0 and frame[column].max() / frame[column].min() > 20:
        ax.set_xscale("log")
    ax.set_xlabel({"seconds": "training time, seconds", "parameters": "parameters"}[column])
    ax.set_ylabel(metric.replace("/", " "))
    if len(names) > 1:
        ax.legend()
    return figure


def pareto(x: np.ndarray, y: np.ndarray, *, larger: bool) -> tuple[np.ndarray, np.ndarray]:
    """The points that no other beats: as cheap or cheaper, and better."""
    sign = 1 if larger else -1
    order = np.lexsort((-sign * y, x))
    best = np.maximum.accumulate(sign * y[order])
    first = np.r_[True, best[1:] > best[:-1]] if len(order) else np.array([], bool)
    return x[order][first], y[order][first]


def parallel(frame: pd.DataFrame, keys: list[str], score: str, *, most: int = 60):
    """A line a run through its settings to its score; the best tenth stands out."""
    frame = frame[frame[score].notna()].sort_values(score)
    if len(frame) > most:
        frame = frame.iloc[np.unique(np.linspace(0, len(frame) - 1, most).round().astype(int))]
    columns = [*keys, score]
    places, ticks = zip(*(_place(frame[c]) for c in columns), strict=True)
    figure, ax = axes(max(5.2, 1.25 * len(columns)), 2.9)
    grid, best = np.column_stack(places), len(frame) - max(1, len(frame) // 10)
    generator = np.random.default_rng(0)
    grid[:, :-1] += generator.uniform(-0.012, 0.012, grid[:, :-1].shape)
    for i, row in enumerate(grid):
        top = i >= best
        ax.plot(row, color=series(1) if top else series(7), lw=1.1, alpha=0.9 if top else 0.3)
    for x, marks in enumerate(ticks):
        ax.axvline(x, color=LINE, lw=1)
        for place, text in marks:
            box = {"fc": PAPER, "lw": 0, "pad": 1.2, "alpha": 0.85}
            ax.text(x + 0.03, place, label((text,)), fontsize=8, va="center", color=INK, bbox=box)
    names = [c.replace(".", ".\n", 1) for c in keys] + ["validation\nscore"]
    ax.set_xticks(range(len(columns)), names, color=MUTED)
    ax.set_xlim(-0.1, len(columns) - 0.6)
    ax.set_yticks([])
    ax.grid(visible=False)
    ax.spines[:].set_visible(False)
    return figure


def _place(column: pd.Series) -> tuple[np.ndarray, list[tuple[float, str]]]:
    """Where the values stand between 0 and 1, and what is written there."""
    numbers = pd.api.types.is_numeric_dtype(column) and column.notna().all()
    if not numbers or column.nunique() <= 6:
        known = sorted(column.dropna().unique()) if numbers else sorted(map(word, column.unique()))
        names = list(map(word, known))
        scale = max(len(names) - 1, 1)
        where = {name: i / scale for i, name in enumerate(names)}
        return column.map(lambda v: where[word(v)]).to_numpy(float), [
            (place, name) for name, place in where.items()
        ]
    values = column.to_numpy(float)
    logarithmic = values.min() > 0 and values.max() / values.min() > 20
    scaled = np.log(values) if logarithmic else values
    spread = (scaled - scaled.min()) / ((scaled.max() - scaled.min()) or 1)
    marks = np.quantile(values, [0, 1])
    return spread, [(0.0, f"{marks[0]:.3g}"), (1.0, f"{marks[1]:.3g}")]
