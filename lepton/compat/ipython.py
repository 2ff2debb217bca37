"""IPython's kernels: whether this process is one, and an output of theirs that is replaced."""

import sys
from typing import Any


def in_notebook() -> bool:
    """True in a process whose cells a notebook shows; imports nothing of IPython's."""
    ipython = sys.modules.get("IPython")
    shell = ipython and ipython.get_ipython()
    return hasattr(shell, "kernel")  # which a shell in a terminal has not


def show_replaceable(content: Any) -> Any:
    """Shows something below a cell; the handle's `update` puts other content in its place."""
    from IPython.display import display  # pyright: ignore[reportMissingImports]

    return display(content, display_id=True)
