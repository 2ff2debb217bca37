"""How figures look: one palette, drawn once, that an inlined SVG takes from the page instead."""

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager

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
LARGEST = 30_000  # bytes of an SVG
XLINK = ' xmlns:xlink="http://www.w3.org/1999/xlink"'
WIDTH, HEIGHT = 5.2, 3.3  # inches

RC = {
    "svg.fonttype": "none",
    "svg.hashsalt": "lepton",
    "font.family": "sans-serif",
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


def svg(figure) -> str:
    """The figure as an SVG file."""
    stream = io.StringIO()
    figure.savefig(stream, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format")))
    return stream.getvalue()


def inlined(text: str, name: str, alt: str) -> str:
    """An SVG file as a part of a page: colours from the page, identifiers of its own."""
    from html import escape

    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r"<!--.*?-->\s*", "", text, flags=re.DOTALL)
    text = re.sub(r'\bid="([^"]+)"', rf'id="{name}-\1"', text)
    text = re.sub(r'(url\(#|href="#)', rf"\g<1>{name}-", text)
    text = re.sub(r"#[0-9a-f]{6}", lambda m: OF_PAGE.get(m[0], m[0]), text)
    text = re.sub(r"font: ([^;\"]*?)'[^\"]*?sans-serif", r"font: \1var(--sans)", text)
    size = re.search(r'viewBox="[^"]+"', text)[0]
    head = f'<svg role="img" aria-label="{escape(alt, quote=True)}" {size} class="plot"'
    return re.sub(r"<svg\b[^>]*", head + XLINK, text, count=1)
