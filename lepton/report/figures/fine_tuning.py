"""The figure of fine-tuning: scores before and after it."""

from typing import TYPE_CHECKING

import numpy as np

from lepton.report.figures.labels import option_label
from lepton.report.figures.style import BETTER, INK, WORSE, subplots
from lepton.stats.pairs import PairedScores

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def before_after(
    changes: dict[tuple, PairedScores], metric: str, *, larger_is_better: bool
) -> "Figure":
    """A row an option: thin lines for its pairs, an open and a filled dot for their means."""
    figure, ax = subplots(height=0.9 + 0.36 * len(changes))
    for i, change in enumerate(changes.values()):
        before, after = change.baseline, change.option
        offsets = np.linspace(-0.22, 0.22, len(before)) if len(before) > 1 else [0.0]
        for start, end, offset in zip(before, after, offsets, strict=True):
            is_better = end > start if larger_is_better else end < start
            color = BETTER if is_better else WORSE
            ax.plot([start, end], [i + offset] * 2, color=color, lw=1, alpha=0.55)
        ax.plot(before.mean(), i, "o", ms=6, mfc="none", mec=INK)
        ax.plot(after.mean(), i, "o", ms=6, color=INK)
    ax.set_yticks(range(len(changes)), map(option_label, changes), color=INK)
    ax.set_ylim(len(changes) - 0.5, -0.5)
    ax.set_xlabel(metric)
    ax.grid(axis="y", visible=False)
    return figure
