"""Rich: a console that takes every string for text, in tables and bars too."""

import time
from typing import Any

from rich.console import Console
from rich.progress import Progress, ProgressColumn, Task, TextColumn
from rich.text import Text

from lepton.compat.ipython import in_notebook, show_replaceable
from lepton.foreign_text import printable

SECONDS_BETWEEN = 0.2  # two outputs of a notebook


class PlainConsole(Console):
    """Prints strings without reading markup, emoji codes or terminal escapes in them.

    Rich turns each string it is given, alone or in a table's cell, into a Text by `render_str`.
    """

    def __init__(self, **options: Any):
        super().__init__(**options, markup=False, emoji=False, highlight=False)

    def render_str(self, text: str, **options: Any) -> Text:
        options.update(markup=False, emoji=False)
        return super().render_str(printable(text), **options)


class PlainColumn(TextColumn):
    """What a bar says in words, shown as it is."""

    def render(self, task: Task) -> Text:
        return Text(printable(self.text_format.format(task=task)), style=self.style)


class QuietProgress(Progress):
    """Bars that end without an empty line where they are disabled, as those of rich 13.0 do not."""

    def stop(self) -> None:
        if not self.disable:
            super().stop()


class NotebookProgress(Progress):
    """Bars below a cell: one output that is replaced. Rich's own would need ipywidgets there."""

    def __init__(self, *columns: ProgressColumn, transient: bool):
        super().__init__(*columns, auto_refresh=False)
        self.transient, self.handle, self.shown_at = transient, None, 0.0

    def start(self) -> None:
        """Shows nothing yet: there is no task to show."""

    def refresh(self) -> None:
        """Shows the bars, unless they were shown a moment ago."""
        now = time.monotonic()
        if now - self.shown_at >= SECONDS_BETWEEN:
            self.shown_at = now
            self._show(self.make_tasks_table(self.tasks))

    def update(self, *about: Any, **values: Any) -> None:
        super().update(*about, **values)
        self.refresh()

    def stop(self) -> None:
        """Leaves the bars as they are by now, or nothing."""
        if not self.transient:
            self._show(self.make_tasks_table(self.tasks))
        elif self.handle is not None:
            self.handle.update({"text/html": "", "text/plain": ""}, raw=True)

    def _show(self, content: Any) -> None:
        if self.handle is None:
            self.handle = show_replaceable(content)
        else:
            self.handle.update(content)


def moving_bars(*columns: ProgressColumn, shown: bool = True, transient: bool = False) -> Progress:
    """Bars on standard error or, in a notebook, below the cell; none where they are not `shown`.

    Those that are `transient` leave nothing when they end.
    """
    if shown and in_notebook():
        return NotebookProgress(*columns, transient=transient)
    return QuietProgress(
        *columns, console=PlainConsole(stderr=True), disable=not shown, transient=transient
    )
