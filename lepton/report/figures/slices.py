"""The figure of errors by slice, a value of one input column."""

from typing import TYPE_CHECKING

import pandas as pd

from lepton.analysis.conclusions import SIGNIFICANCE_LEVEL
from lepton.report.figures.labels import shortened
from lepton.report.figures.style import FAINT, HIGHLIGHT, INK, MUTED, subplots

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MAX_SLICES = 12
MAX_SLICE_LABEL = 34  # characters


def slice_errors(slices: pd.DataFrame, overall: float, error_name: str) -> "Figure":
    """The mean errors of the first slices with their intervals, beside that of all samples."""
    slices = slices.head(MAX_SLICES).sort_values("mean", ascending=False)
    figure, ax = subplots(5.6, 0.9 + 0.28 * len(slices))
    ax.axvline(overall, color=MUTED, lw=1, ls=":")
    for i, row in enumerate(slices.itertuples()):
        color = HIGHLIGHT if row.p_holm < SIGNIFICANCE_LEVEL else FAINT
        ax.plot([row.low, row.high], [i, i], color=color, lw=1.4)
        ax.plot(row.mean, i, "o", ms=5, color=color)
    labels = [f"{shortened(row.slice, MAX_SLICE_LABEL)} ({row.n})" for row in slices.itertuples()]
    ax.set_yticks(range(len(slices)), labels, color=INK)
    ax.set_ylim(len(slices) - 0.4, -0.6)
    ax.set_xlabel(error_name)
    ax.grid(axis="y", visible=False)
    return figure
