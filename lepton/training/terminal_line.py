"""The one line that moves on a terminal: a run's own, or that of the sweep around it."""

from collections.abc import Callable

# shows a run's text on the line of the sweep that this process trains for; None outside a sweep
of_sweep: Callable[[str], None] | None = None
