"""The style that all figures share: palette, sizes, and how many runs or markers they draw."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from lepton.compat.optional import import_optional

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SERIES = ("#1f5fa8", "#b9500d", "#14775a", "#7648ae", "#ad2f52", "#0c7283", "#74552a", "#59657a")
INK, MUTED, LINE, PAPER = "#1d2530", "#586575", "#d9dfe6", "#fefefe"
BETTER, WORSE = SERIES[2], SERIES[4]
HIGHLIGHT, FAINT = SERIES[1], SERIES[7]
MAX_MARKERS = 120  # that an SVG holds one by one; more become an image in it
MAX_DRAWN_RUNS = 240  # more are sampled
WIDTH, HEIGHT = 5.2, 3.3  # inches

RC_PARAMS = {
    "svg.fonttype": "none",
    "text.parse_math": False,
    "svg.hashsalt": "lepton",
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "text.color": INK,
    "axes.labelcolor": MUTED,
    "axes.edgecolor": LINE,
    "axes.facecolor": PAPER,
    "axes.titlesize": 9,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": LINE,
    "grid.linewidth": 0.7,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "figure.facecolor": PAPER,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "lines.linewidth": 1.8,
    "path.simplify_threshold": 0.4,
    "savefig.dpi": 150,
}


@contextmanager
def lepton_style() -> Iterator[None]:
    """Lets matplotlib draw in lepton's style; figures outside of pyplot need no window.

    Raises: LeptonError when it is not installed.
    """
    matplotlib = import_optional("matplotlib", needed_by="report")
    with matplotlib.rc_context(RC_PARAMS):
        yield


def subplots(
    width: float = WIDTH, height: float = HEIGHT, columns: int = 1, **options: Any
) -> "tuple[Figure, Any]":
    """A figure outside of pyplot, and its axes: one, or an array of several in a row."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots(1, columns, **options)


def series_color(i: int) -> str:
    return SERIES[i % len(SERIES)]


def marker_options(count: int) -> dict[str, bool]:
    """Options of a plot of so many markers, which become an image where they are many."""
    return {"rasterized": count > MAX_MARKERS}


def sampled_indices(count: int, size: int = MAX_DRAWN_RUNS) -> np.ndarray:
    """The indices, in order, of at most `size` of so many items, drawn by chance."""
    if count <= size:
        return np.arange(count)
    return np.sort(np.random.default_rng(0).choice(count, size, replace=False))
