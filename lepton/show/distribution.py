"""Draws how a column is distributed in each group of the target, as a small SVG picture."""

import numpy as np

from lepton.dataset.inputs.picture import Picture
from lepton.report.figures.style import FAINT, series_color

WIDTH, HEIGHT, BASE = 180, 44, 42  # units of the picture; where its axis lies
MAX_GROUPS = 6  # that are told apart by colour, those with most rows
BINS = 24
SHOWN_SHARE = 0.99  # of the numbers, which the bins reach over


def swatch(group: int) -> Picture:
    """The colour of a group."""
    content = (
        '<svg xmlns="http://www.w3.org/2000/svg" width="14" height="14">'
        f'<rect width="14" height="14" rx="3" fill="{series_color(group)}"/></svg>'
    )
    return _svg(f"colour {group + 1}", content)


def bin_edges(values: np.ndarray) -> np.ndarray:
    """Edges of equal bins that reach over nearly all numbers. Shapes: values (n,) finite."""
    outside = (1 - SHOWN_SHARE) / 2
    low, high = np.quantile(values, [outside, 1 - outside])
    if not high > low:
        low, high = values.min(), values.max()
    if not high > low:
        low, high = low - 0.5, high + 0.5
    return np.linspace(low, high, BINS + 1)


def draw_numbers(counts: np.ndarray, alt: str) -> Picture:
    """A line for each group over the bins. Shapes: counts (groups, bins)."""
    shares, top = _shares(counts)
    step = WIDTH / counts.shape[1]
    paths = []
    for group, heights in enumerate(shares):
        if not heights.any():
            continue
        points = " ".join(
            f"H{_short(i * step)}V{_short(BASE - height / top * (BASE - 2))}"
            for i, height in enumerate(heights)
        )
        colour = _colour(group, len(shares))
        paths.append(
            f'<path d="M0 {BASE}{points}H{WIDTH}V{BASE}Z" fill="{colour}" fill-opacity=".18" '
            f'stroke="{colour}" stroke-width="1.3"/>'
        )
    return _framed("".join(paths), alt)


def draw_values(counts: np.ndarray, alt: str) -> Picture:
    """Bars side by side for each value, one for each group. Shapes: counts (groups, values)."""
    shares, top = _shares(counts)
    groups, values = counts.shape
    space = WIDTH / max(values, 4)
    width = space * 0.84 / groups
    bars = [
        f'<rect x="{_short(value * space + group * width)}" '
        f'y="{_short(BASE - height / top * (BASE - 2))}" width="{_short(width)}" '
        f'height="{_short(height / top * (BASE - 2))}" fill="{_colour(group, groups)}"/>'
        for group, heights in enumerate(shares)
        for value, height in enumerate(heights)
        if height
    ]
    return _framed("".join(bars), alt)


def _shares(counts: np.ndarray) -> tuple[np.ndarray, float]:
    """Each group's counts as shares of its own, and the largest."""
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    return shares, float(shares.max()) or 1.0


def _colour(group: int, groups: int) -> str:
    return series_color(group) if groups > 1 else FAINT


def _short(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0")


def _framed(content: str, alt: str) -> Picture:
    return _svg(
        alt,
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" '
        f'height="{HEIGHT}">{content}<path d="M0 {BASE}H{WIDTH}" stroke="{FAINT}"/></svg>',
    )


def _svg(alt: str, content: str) -> Picture:
    return Picture(alt, content.encode(), media_type="image/svg+xml")
