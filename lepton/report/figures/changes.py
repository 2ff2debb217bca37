"""Figures of what changes: before and after training, a score over a number, weights of members."""

import numpy as np
import pandas as pd

from lepton.analysis.comparison import word
from lepton.analysis.grouping import groups
from lepton.report.figures.options import label
from lepton.report.style import INK, LINE, MUTED, axes, series
from lepton.stats.pairs import Pairs

LINES = 8  # options drawn over a number


def before_after(found: dict[tuple, Pairs], measure: str, *, larger: bool):
    """A row an option: thin lines its pairs, from the open to the filled dot their means."""
    figure, ax = axes(height=0.9 + 0.36 * len(found))
    for i, pairs in enumerate(found.values()):
        before, after = pairs.baseline, pairs.option
        shifts = np.linspace(-0.22, 0.22, len(before)) if len(before) > 1 else [0.0]
        for a, b, shift in zip(before, after, shifts, strict=True):
            better = b > a if larger else b < a
            color = series(2 if better else 4)
            ax.plot([a, b], [i + shift] * 2, color=color, lw=1, alpha=0.55)
        ax.plot(before.mean(), i, "o", ms=6, mfc="none", mec=INK)
        ax.plot(after.mean(), i, "o", ms=6, color=INK)
    ax.set_yticks(range(len(found)), map(label, found), color=INK)
    ax.set_ylim(len(found) - 0.5, -0.5)
    ax.set_xlabel(measure)
    ax.grid(axis="y", visible=False)
    return figure


def over(frame: pd.DataFrame, number: str, rest: list[str], metric: str, untuned: str | None):
    """A line an option over the values of a number, its band from the lowest to the highest run."""
    figure, ax = axes(6.4, 3.4)
    values = sorted(frame[number].dropna().unique().astype(float))
    logarithmic = values[0] > 0 and values[-1] / values[0] > 8
    places = dict(zip(values, np.log(values) if logarithmic else values, strict=True))
    if frame[number].isna().any():  # null is no number: beside the largest
        places[None] = 1.18 * max(places.values()) - 0.18 * min(places.values())
    for i, (option, part) in enumerate(groups(frame, rest)[:LINES] if rest else [((), frame)]):
        _line(ax, part, number, metric, places, color=series(i), label=label(option))
    if untuned:
        _line(ax, frame, number, untuned, places, color=MUTED, ls=":", label="untuned")
    ax.set_xticks([*places.values()], map(word, places), color=MUTED)
    ax.set_xlabel(number)
    ax.set_ylabel(metric.replace("/", " "))
    if rest or untuned:
        ax.legend()
    return figure


def _line(ax, part: pd.DataFrame, number: str, metric: str, places: dict, **style) -> None:
    known = part[part[metric].notna()]
    by = known[number].map(lambda v: places[None if pd.isna(v) else float(v)])
    table = known[metric].astype(float).groupby(by).agg(["mean", "min", "max"]).sort_index()
    ax.fill_between(table.index, table["min"], table["max"], color=style["color"], alpha=0.15, lw=0)
    ax.plot(table.index, table["mean"], marker="o", ms=3.5, **style)


def weights(members: pd.DataFrame, *, most: int = 16):
    """A bar a member: its weight, heaviest first; members without one are left out."""
    used = members[members["weight"] > 0]
    used = used.sort_values("weight", ascending=False, kind="stable").head(most)
    figure, ax = axes(6.4, 0.8 + 0.27 * len(used))
    ax.barh(range(len(used)), used["weight"], color=series(0), height=0.6)
    for i, value in enumerate(used["weight"]):
        ax.text(value, i, f" {value:.3f}", va="center", color=INK)
    ax.set_yticks(range(len(used)), used["run"], color=INK)
    ax.set_ylim(len(used) - 0.4, -0.6)
    ax.set_xlim(0, used["weight"].max() * 1.18)
    ax.set_xlabel("weight")
    ax.grid(axis="y", visible=False)
    ax.spines["left"].set_color(LINE)
    return figure
