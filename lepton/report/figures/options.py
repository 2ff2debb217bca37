"""Figures of options: distributions, pairs, ranks, importance, an interaction."""

import numpy as np
import pandas as pd

from lepton.analysis.comparison import Comparison, word
from lepton.report.style import INK, LINE, MUTED, SAMPLE, axes, dense, sampled, series
from lepton.stats.importance import Importance
from lepton.stats.pairs import Pairs
from lepton.stats.ranks import Ranks
from lepton.stats.slices import binned

LONGEST = 26  # characters of a label


def label(option: tuple) -> str:
    return short(", ".join(map(word, option)), LONGEST)


def short(text: str, most: int) -> str:
    """Text that a figure can hold; matplotlib leaves out of a legend what begins with _."""
    text = "".join(c if c.isprintable() else " " for c in text)
    text = f" {text}" if text.startswith("_") else text
    return text if len(text) <= most else text[: most - 1] + "…"


def distribution(comparison: Comparison, values: dict[tuple, np.ndarray]):
    """Every run of each option, its mean and the 95 % interval of that."""
    options = comparison.options()
    figure, ax = axes(height=0.9 + 0.36 * len(options))
    generator = np.random.default_rng(0)
    many = min(sum(map(len, values.values())), SAMPLE)
    for i, (option, (_, row)) in enumerate(zip(options, comparison.table.iterrows(), strict=True)):
        found = values[option][sampled(len(values[option]), SAMPLE // len(options))]
        shake = generator.uniform(-0.16, 0.16, len(found))
        ax.scatter(found, i + shake, s=12, color=series(0), alpha=0.4, lw=0, **dense(many))
        if np.isfinite(row["low"]):
            ax.plot([row["low"], row["high"]], [i, i], color=INK, lw=1.4)
        ax.plot(row["mean"], i, "o", ms=5, color=INK)
    ax.set_yticks(range(len(options)), [label(o) for o in options], color=INK)
    ax.set_ylim(len(options) - 0.5, -0.5)
    ax.set_xlabel(comparison.metric.replace("/", " "))
    ax.grid(axis="y", visible=False)
    return figure


def change(pairs: Pairs, names: tuple[str, str], measure: str, larger: bool):
    """Each pair as a line from before to after: better in one colour, worse in another."""
    figure, ax = axes()
    before, after = pairs.baseline, pairs.option
    better = (after > before) if larger else (after < before)
    for a, b, up in zip(before[:60], after[:60], better[:60], strict=True):
        ax.plot([0, 1], [a, b], "-o", ms=3.5, lw=1.1, color=series(2 if up else 4), alpha=0.75)
    ax.plot([0, 1], [before.mean(), after.mean()], color=INK, lw=2.6)
    ax.set_xticks([0, 1], names, color=INK)
    ax.set_xlim(-0.25, 1.25)
    ax.set_ylabel(measure.replace("/", " "))
    ax.grid(axis="x", visible=False)
    return figure


def critical_difference(ranks: Ranks):
    """Average ranks on a line, best left; bars join what the data sets cannot tell apart."""
    order = sorted(ranks.mean, key=ranks.mean.get)
    half = (len(order) + 1) // 2
    cliques = ranks.cliques
    figure, ax = axes(height=1.3 + 0.26 * half + 0.12 * len(cliques))
    low, high = 1, len(order)
    ax.set_xlim(low - 0.9, high + 0.9)
    depth = 0.5 + 0.24 * len(cliques)
    for i, name in enumerate(order):
        left = i < half
        y = -depth - 0.5 * (i if left else len(order) - 1 - i)
        edge, rank = (low - 0.1 if left else high + 0.1), ranks.mean[name]
        ax.plot([rank, rank, edge], [0, y, y], color=MUTED, lw=1)
        side = "right" if left else "left"
        ax.text(edge + (-0.06 if left else 0.06), y, f"{name}  {rank:.2f}", ha=side, va="center")
    for i, clique in enumerate(cliques):
        ends = [ranks.mean[clique[0]] - 0.03, ranks.mean[clique[-1]] + 0.03]
        ax.plot(ends, [-0.28 - 0.24 * i] * 2, color=series(0), lw=4, solid_capstyle="round")
    width = min(ranks.difference, high - low)
    ax.plot([low, low + width], [0.75] * 2, "|-", color=INK, lw=1.2)
    ax.text(low + width / 2, 0.85, f"critical difference {ranks.difference:.2f}", ha="center")
    ax.plot([low, high], [0, 0], color=INK, lw=1.2)
    for rank in range(low, high + 1):
        ax.plot([rank, rank], [0, 0.12], color=INK, lw=1.2)
        ax.text(rank, 0.2, str(rank), ha="center", va="bottom", color=MUTED)
    ax.set_ylim(-depth - 0.5 * half, 1.3)
    ax.axis("off")
    return figure


def importance_bars(found: Importance):
    """A bar a key: the share of the score's variance."""
    names = [*found.shares][:10]
    figure, ax = axes(height=0.8 + 0.3 * len(names))
    values = [100 * found.shares[name] for name in names]
    ax.barh(range(len(names)), values, color=series(0), height=0.6)
    for i, value in enumerate(values):
        ax.text(value, i, f" {value:.1f} %", va="center", color=INK)
    ax.set_yticks(range(len(names)), names, color=INK)
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.set_xlim(0, max(*values, 1) * 1.18)
    ax.set_xlabel("variance of the validation score explained, %")
    ax.grid(axis="y", visible=False)
    return figure


def interaction(finished: pd.DataFrame, keys: tuple[str, str], score: str):
    """Mean score of every pair of values, the better the fuller."""
    from matplotlib.patches import Rectangle

    a, b = (_binned(finished[key]) for key in keys)
    table = finished.groupby([a, b], observed=True)[score].mean().unstack()
    figure, ax = axes(height=1.0 + 0.36 * len(table))
    low, high = np.nanmin(table.to_numpy()), np.nanmax(table.to_numpy())
    for i in range(len(table)):
        for j, value in enumerate(table.iloc[i]):
            if np.isfinite(value):
                alpha = 0.06 + 0.5 * (value - low) / ((high - low) or 1)
                box = Rectangle((j - 0.5, i - 0.5), 1, 1, fc=series(0), alpha=alpha, lw=0)
                ax.add_patch(box)
                ax.text(j, i, f"{value:.4g}", ha="center", va="center", fontsize=8)
    ax.set_xlim(-0.5, table.shape[1] - 0.5)
    ax.set_ylim(len(table) - 0.5, -0.5)
    ax.set_yticks(range(len(table)), [label((c,)) for c in table.index])
    ax.set_xticks(range(table.shape[1]), [label((c,)) for c in table.columns])
    if table.shape[1] > 5:
        ax.tick_params(axis="x", rotation=30)
    ax.set_ylabel(keys[0])
    ax.set_xlabel(keys[1])
    ax.grid(visible=False)
    ax.spines[:].set_color(LINE)
    return figure


def _binned(column: pd.Series, most: int = 8) -> pd.Series:
    """Values as text in their order; many numbers in bins of as many runs each."""
    numbers = pd.api.types.is_numeric_dtype(column)
    if numbers and column.nunique() > most:
        return binned(column, 6, "{:.3g} to {:.3g}")
    known = column.dropna().unique()
    order = map(word, sorted(known if numbers else map(str, known)))
    text = column.map(word)
    return pd.Categorical(text, list(dict.fromkeys([*order, *text])), ordered=True)
