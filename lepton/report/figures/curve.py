"""The figure of a curve: what options score over a number, with intervals."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from lepton.analysis.curve import Curve
from lepton.report.figures.comparison import MAX_LINES, number_positions
from lepton.report.figures.hover import set_hover
from lepton.report.figures.labels import option_label
from lepton.report.figures.style import MUTED, series_color, subplots
from lepton.report.number_format import format_interval, format_number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DODGE = 0.012  # of the width, between the intervals of two lines at one value


def curve_figure(curve: Curve) -> "Figure":
    """A line an option with the intervals of its means, broken where it has no result.

    A dotted one for the untuned networks, one for all options where they are the same.
    """
    figure, ax = subplots(6.4, 3.6)
    values = [place.value for place in curve.places]
    places = number_positions(pd.Series(values, dtype=float))
    x = np.array([places[value] for value in values])
    options = curve.options[:MAX_LINES]
    width = np.ptp(x) or 1.0
    for i, option in enumerate(options):
        shift = DODGE * width * (i - (len(options) - 1) / 2)
        _line(ax, curve, option, x + shift, series_color(i))
    for option, scores in untuned_lines(curve, options).items():
        color = MUTED if option is None else series_color(options.index(option))
        label = "untuned" if option is None else f"untuned, {option_label(option)}"
        ax.plot(x, scores, ls=":", marker="o", ms=2.5, color=color, label=label)
    labels = [place.label.replace(" (", "\n(") for place in curve.places]
    ax.set_xticks(x, labels, color=MUTED)
    ax.set_xlabel(curve.key)
    ax.set_ylabel(curve.metric.replace("/", " "))
    if curve.other_keys or len(ax.lines) > 1:
        figure.legend(loc="outside right center")
    return figure


def _line(ax: "Axes", curve: Curve, option: tuple, x: np.ndarray, color: str) -> None:
    """The means of an option and their intervals; missing ones leave a gap."""
    columns = ("mean", "low", "high")
    cells = [place.cells.get(option) for place in curve.places]
    means, lows, highs = (
        np.array([np.nan if cell is None else cell[column] for cell in cells], float)
        for column in columns
    )
    ax.plot(x, means, color=color, label=option_label(option))
    ax.vlines(x, lows, highs, color=color, lw=1.2)
    known = np.isfinite(means)
    dots = ax.scatter(x[known], means[known], s=20, color=color, lw=0, zorder=3)
    words = [
        f"{option_label(option)} at {place.label}: {format_number(mean)} "
        f"{format_interval(low, high)}".rstrip()
        for place, mean, low, high in zip(curve.places, means, lows, highs, strict=True)
    ]
    set_hover(dots, [text for text, is_known in zip(words, known, strict=True) if is_known])


def untuned_lines(curve: Curve, options: list[tuple]) -> dict[tuple | None, list[float]]:
    """The scores of the untuned networks at each place by option; under None where they are the
    same for all of them."""
    lines: dict[tuple | None, list[float]] = {
        option: [
            float(place.untuned[option].baseline.mean()) if option in place.untuned else np.nan
            for place in curve.places
        ]
        for option in options
    }
    lines = {option: line for option, line in lines.items() if not np.isnan(line).all()}
    if not lines:
        return {}
    table = pd.DataFrame(lines.values())
    if ((table.max() - table.min()).fillna(0) < 1e-9).all():
        return {None: table.max().tolist()}
    return lines
