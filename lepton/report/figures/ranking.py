"""The figure of average ranks over data sets, a critical difference diagram."""

from typing import TYPE_CHECKING

from lepton.report.figures.labels import MAX_LABEL, shortened
from lepton.report.figures.style import INK, MUTED, series_color, subplots
from lepton.stats.ranks import Ranks

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BEST_RANK = 1


def critical_difference(ranks: Ranks) -> "Figure":
    """Average ranks on a line, best left; bars join what the data sets cannot tell apart.

    Source: Demsar 2006, https://jmlr.org/papers/v7/demsar06a.html
    """
    options = ranks.order
    left_count = (len(options) + 1) // 2
    cliques = ranks.cliques
    figure, ax = subplots(height=1.3 + 0.26 * left_count + 0.12 * len(cliques))
    ax.set_xlim(BEST_RANK - 0.9, len(options) + 0.9)
    names_top = -0.5 - 0.24 * len(cliques)
    _draw_names(ax, options, ranks, left_count, names_top)
    for i, clique in enumerate(cliques):
        ends = [ranks.mean[clique[0]] - 0.03, ranks.mean[clique[-1]] + 0.03]
        ax.plot(ends, [-0.28 - 0.24 * i] * 2, color=series_color(0), lw=4, solid_capstyle="round")
    _draw_scale(ax, ranks, len(options))
    ax.set_ylim(names_top - 0.5 * left_count, 1.3)
    ax.axis("off")
    return figure


def _draw_names(ax: "Axes", options: list[str], ranks: Ranks, left_count: int, top: float) -> None:
    """Draws a line from each rank to its name: the better half left, the other half right."""
    for i, option in enumerate(options):
        is_left = i < left_count
        y = top - 0.5 * (i if is_left else len(options) - 1 - i)
        edge = BEST_RANK - 0.1 if is_left else len(options) + 0.1
        rank = ranks.mean[option]
        ax.plot([rank, rank, edge], [0, y, y], color=MUTED, lw=1)
        side = "right" if is_left else "left"
        x = edge + (-0.06 if is_left else 0.06)
        ax.text(x, y, f"{shortened(option, MAX_LABEL)}  {rank:.2f}", ha=side, va="center")


def _draw_scale(ax: "Axes", ranks: Ranks, worst_rank: int) -> None:
    """Draws the line of ranks with its ticks, and the critical difference above it."""
    width = min(ranks.critical_difference, worst_rank - BEST_RANK)
    ax.plot([BEST_RANK, BEST_RANK + width], [0.75] * 2, "|-", color=INK, lw=1.2)
    middle = BEST_RANK + width / 2
    ax.text(middle, 0.85, f"critical difference {ranks.critical_difference:.2f}", ha="center")
    ax.plot([BEST_RANK, worst_rank], [0, 0], color=INK, lw=1.2)
    for rank in range(BEST_RANK, worst_rank + 1):
        ax.plot([rank, rank], [0, 0.12], color=INK, lw=1.2)
        ax.text(rank, 0.2, str(rank), ha="center", va="bottom", color=MUTED)
