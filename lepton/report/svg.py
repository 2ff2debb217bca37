"""Turns matplotlib figures into small SVG files, and these into parts of an HTML page."""

import io
import re
from html import escape
from typing import TYPE_CHECKING

from lepton.foreign_text import printable
from lepton.report.figures.hover import links_as_titles
from lepton.report.figures.style import INK, LINE, MUTED, PAPER, SERIES

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MAX_BYTES = 30_000  # of an SVG file
PIXELS_PER_POINT = 1.5  # at most, of a page by a point of a figure
PAGE_COLORS = {  # the page has two values of each: one light, one dark
    **{color: f"var(--s{i})" for i, color in enumerate(SERIES)},
    INK: "var(--ink)",
    MUTED: "var(--muted)",
    LINE: "var(--line)",
    PAPER: "var(--card)",
}
XLINK = ' xmlns:xlink="http://www.w3.org/1999/xlink"'


def compact_svg(figure: "Figure") -> str:
    """The figure as an SVG file of at most MAX_BYTES.

    What is too much for that becomes one image in each of its axes; text stays text.
    """
    svg = _svg(figure)
    if len(svg) <= MAX_BYTES:
        return svg
    for ax in figure.axes:
        for artist in (*ax.lines, *ax.collections, *ax.patches):
            artist.set_zorder(artist.get_zorder() - 100)
        ax.patch.set_visible(False)
        ax.set_rasterization_zorder(0)
    svgs = (_svg(figure, image_dpi) for image_dpi in (100, 72, 48, 30))
    return next((svg for svg in svgs if len(svg) <= MAX_BYTES), svg)


def _svg(figure: "Figure", image_dpi: int = 100) -> str:
    """The figure as an SVG file without dates and comments, so that equal figures are equal."""
    from matplotlib.text import Text

    for text in figure.findobj(Text):
        text.set_text(printable(text.get_text()))
    stream = io.StringIO()
    no_metadata = dict.fromkeys(("Date", "Creator", "Format"))
    figure.savefig(stream, format="svg", dpi=image_dpi, metadata=no_metadata)
    svg = links_as_titles(stream.getvalue())
    svg = re.sub(r"<!--.*?-->\s*|<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r' (?:d|x|y|transform)="[^"]+"', _rounded_coordinates, svg)
    return re.sub(r'\n\s*(?:<g id="[^"]*"/>\n\s*)*', "\n", svg)


def _rounded_coordinates(attribute: re.Match) -> str:
    """The attribute with coordinates to a tenth of a point, which look like the exact ones."""
    text = re.sub(r"\d+\.\d{3,}", lambda match: f"{float(match[0]):.1f}", attribute[0])
    return re.sub(r"\s*\n\s*", " ", text)


def inline_svg(svg: str, name: str, alt: str) -> str:
    """The SVG file as a part of a page, with the page's colors and identifiers of its own."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r'\bid="([^"]+)"', lambda match: f'id="{name}-{match[1]}"', svg)
    svg = re.sub(r'(url\(#|href="#)', lambda match: f"{match[1]}{name}-", svg)
    svg = re.sub(r"#[0-9a-f]{6}", lambda match: PAGE_COLORS.get(match[0], match[0]), svg)
    svg = re.sub(r"font-family: [^;\"]*|(?<=px )'DejaVu Sans'[^;\"]*", _page_font, svg)
    view_box = re.search(r'viewBox="0 0 ([\d.]+) [\d.]+"', svg)
    assert view_box is not None
    max_width = round(float(view_box[1]) * PIXELS_PER_POINT)
    label = escape(alt, quote=True)
    attributes = f'{view_box[0]} class="plot" style="max-width:{max_width}px"'
    start_tag = f'<svg role="img" aria-label="{label}" {attributes}{XLINK}'
    return re.sub(r"<svg\b[^>]*", lambda _: start_tag, svg, count=1)


def _page_font(match: re.Match) -> str:
    return f"{'font-family: ' if match[0].startswith('font') else ''}var(--sans)"
