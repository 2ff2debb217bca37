"""The one line that moves on a terminal: a run's own, or that of the sweep around it."""

from collections.abc import Callable

of_sweep: Callable[[str], None] | None = None  # takes what the run of this process would show
