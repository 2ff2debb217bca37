"""IPython's kernels: whether this process is one, and an output of theirs that is replaced."""

import importlib
import io
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def in_notebook() -> bool:
    """True in a process whose cells a notebook shows; imports nothing of IPython's."""
    return hasattr(_shell(), "kernel")  # which a shell in a terminal has not


def _shell() -> Any:
    ipython = sys.modules.get("IPython")
    return ipython and ipython.get_ipython()


def show_replaceable(content: Any) -> Any:
    """Shows something below a cell; the handle's `update` puts other content in its place."""
    display = importlib.import_module("IPython.display")
    return display.display(content, display_id=True)


def show_figures() -> None:
    """Lets a notebook show matplotlib's figures as pictures, unless it knows how by now."""
    from matplotlib.figure import Figure

    formatters = _shell().display_formatter.formatters
    pictures = [formatters[kind] for kind in formatters if kind.startswith("image/")]
    if not any(Figure in formatter for formatter in pictures):
        formatters["image/png"].for_type(Figure, _png)


def _png(figure: "Figure") -> bytes:
    stream = io.BytesIO()
    figure.savefig(stream, format="png")
    return stream.getvalue()
