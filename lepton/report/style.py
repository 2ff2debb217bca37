"""How figures look: one palette, drawn once, that an inlined SVG takes from the page instead."""

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from lepton.errors import LeptonError

SERIES = ("#1f5fa8", "#b9500d", "#14775a", "#7648ae", "#ad2f52", "#0c7283", "#74552a", "#59657a")
INK, MUTED, LINE, PAPER = "#1d2530", "#586575", "#d9dfe6", "#fefefe"
OF_PAGE = {  # what the page says in its light or dark style
    **{colour: f"var(--s{i})" for i, colour in enumerate(SERIES)},
    INK: "var(--ink)",
    MUTED: "var(--muted)",
    LINE: "var(--line)",
    PAPER: "var(--card)",
}
DOTS = 120  # markers an SVG holds as such; more become an image in it
SAMPLE = 240  # runs drawn of more
LARGEST = 30_000  # bytes of an SVG
PIXELS = 1.5  # of a page, a point of a figure at most
XLINK = ' xmlns:xlink="http://www.w3.org/1999/xlink"'
WIDTH, HEIGHT = 5.2, 3.3  # inches

RC = {
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
def styled() -> Iterator[None]:
    """matplotlib without a window, in lepton's style.

    Raises: LeptonError when it is not installed.
    """
    try:
        import matplotlib
    except ImportError:
        raise LeptonError(
            "report: figures need matplotlib; pip install 'lepton-experiments[report]'"
        ) from None
    with matplotlib.rc_context({**RC, "backend": "agg"}):
        yield


def axes(width: float = WIDTH, height: float = HEIGHT, columns: int = 1, **options):
    """A figure and its axes, which no window knows of."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots(1, columns, **options)


def series(i: int) -> str:
    return SERIES[i % len(SERIES)]


def dense(count: int) -> dict:
    """How many markers are drawn: one by one, or as an image once they are many."""
    return {"rasterized": count > DOTS}


def sampled(count: int, most: int = SAMPLE) -> np.ndarray:
    """Which of so many are drawn, in order."""
    if count <= most:
        return np.arange(count)
    return np.sort(np.random.default_rng(0).choice(count, most, replace=False))


def svg(figure, dpi: int = 100) -> str:
    """The figure as an SVG file; `dpi` of the images in it."""
    stream = io.StringIO()
    figure.savefig(
        stream, format="svg", dpi=dpi, metadata=dict.fromkeys(("Date", "Creator", "Format"))
    )
    text = re.sub(r"<!--.*?-->\s*|<metadata>.*?</metadata>", "", stream.getvalue(), flags=re.DOTALL)
    text = re.sub(r' (?:d|x|y|transform)="[^"]+"', _rounded, text)
    return re.sub(r'\n\s*(?:<g id="[^"]*"/>\n\s*)*', "\n", text)


def _rounded(attribute: re.Match) -> str:
    """Coordinates to a tenth of a point, which no eye tells from the six decimals given."""
    text = re.sub(r"\d+\.\d{3,}", lambda m: f"{float(m[0]):.1f}", attribute[0])
    return re.sub(r"\s*\n\s*", " ", text)


def small(figure) -> str:
    """The figure as an SVG file of at most LARGEST bytes.

    What is too much for that becomes one image in each of its axes; text stays text.
    """
    text = svg(figure)
    if len(text) <= LARGEST:
        return text
    for ax in figure.axes:
        for artist in (*ax.lines, *ax.collections, *ax.patches):
            artist.set_zorder(artist.get_zorder() - 100)
        ax.patch.set_visible(False)
        ax.set_rasterization_zorder(0)
    texts = (svg(figure, dpi) for dpi in (100, 72, 48, 30))
    return next((text for text in texts if len(text) <= LARGEST), text)


def _page_font(found: re.Match) -> str:
    return f"{'font-family: ' if found[0].startswith('font') else ''}var(--sans)"


def inlined(text: str, name: str, alt: str) -> str:
    """An SVG file as a part of a page: colours from the page, identifiers of its own."""
    from html import escape

    text = text[text.index("<svg") :]
    text = re.sub(r'\bid="([^"]+)"', rf'id="{name}-\1"', text)
    text = re.sub(r'(url\(#|href="#)', rf"\g<1>{name}-", text)
    text = re.sub(r"#[0-9a-f]{6}", lambda m: OF_PAGE.get(m[0], m[0]), text)
    text = re.sub(r"font-family: [^;\"]*|(?<=px )'DejaVu Sans'[^;\"]*", _page_font, text)
    size = re.search(r'viewBox="0 0 ([\d.]+) [\d.]+"', text)
    wide = round(float(size[1]) * PIXELS)
    style = f'style="max-width:{wide}px"'
    head = f'<svg role="img" aria-label="{escape(alt, quote=True)}" {size[0]} class="plot" {style}'
    return re.sub(r"<svg\b[^>]*", head + XLINK, text, count=1)
