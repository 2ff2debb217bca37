"""The figure of inputs by importance: a dot and an interval each, with a line at zero."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lepton.report.figures.labels import value_label
from lepton.report.figures.style import FAINT, INK, MUTED, series_color, subplots

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MAX_INPUTS = 30
Interval = tuple[str, float, float, float]  # an input, its importance, and both ends


def importance_intervals(inputs: Sequence[Interval], label: str) -> "Figure":
    """A row for each of the first inputs; those whose interval holds 0 are faint."""
    shown = inputs[:MAX_INPUTS]
    figure, ax = subplots(height=0.8 + 0.24 * len(shown))
    for place, (_, value, low, high) in enumerate(shown):
        color = FAINT if low <= 0 <= high else series_color(0)
        ax.plot([low, high], [place, place], color=color, lw=1.6)
        ax.plot([value], [place], "o", color=color, ms=4)
    ax.axvline(0, color=MUTED, lw=1, ls=":")
    ax.set_yticks(range(len(shown)), [value_label(name) for name, *_ in shown], color=INK)
    ax.set_ylim(len(shown) - 0.4, -0.6)
    ax.set_xlabel(label)
    ax.grid(axis="y", visible=False)
    return figure
