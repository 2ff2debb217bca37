"""The one line that moves on a terminal: a run's own, or that of the sweep around it."""

import sys
from collections.abc import Callable

from lepton.compat.ipython import in_notebook

# shows a run's text on the line of the sweep that this process trains for; None outside a sweep
of_sweep: Callable[[str], None] | None = None


def can_move() -> bool:
    """True on a terminal and in a notebook."""
    return sys.stderr.isatty() or in_notebook()


def hide_runs() -> None:
    """Lets no run of this process show anything: another process has the line."""
    global of_sweep
    of_sweep = _hide


def _hide(_: str) -> None:
    pass
