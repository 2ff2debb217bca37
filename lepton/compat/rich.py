"""Rich: a console that takes every string for text, in tables and bars too."""

import time
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.progress import Progress, ProgressColumn, Task, TextColumn
from rich.table import Column, Table
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

    def print(self, *blocks: Any, **options: Any) -> None:
        """Prints what is given; a table that is too wide in parts that fit."""
        if len(blocks) != 1 or not isinstance(blocks[0], Table):
            super().print(*blocks, **options)
            return
        for part in fitting_parts(blocks[0], self):
            super().print(part, **options)


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


def fitting_parts(table: Table, console: Console) -> list[Table]:
    """A table as it is, or, where it is wider than the console, as several below each other: with
    as many columns as fit, behind those that say what a row is about."""
    widths = [_natural_width(column, console) for column in table.columns]
    if sum(widths) <= console.width:
        return [table]
    leading = next((i for i, c in enumerate(table.columns) if c.justify == "right"), 1)
    while leading > 1 and sum(widths[:leading]) > console.width / 2:
        leading -= 1
    groups, room = [[]], console.width - sum(widths[:leading])
    for place in range(leading, len(widths)):
        if groups[-1] and sum(widths[i] for i in groups[-1]) + widths[place] > room:
            groups.append([])
        groups[-1].append(place)
    return [_with_columns(table, [*range(leading), *group]) for group in groups]


def _natural_width(column: Column, console: Console) -> int:
    texts = [console.render_str(str(text)) for text in (column.header, *column.cells)]
    return max(text.cell_len for text in texts) + 2


def _with_columns(table: Table, places: Sequence[int]) -> Table:
    """The same rows with the columns at these places alone, whose cells are not cut."""
    part = Table(box=table.box, title=table.title)
    columns = [table.columns[place] for place in places]
    for column in columns:
        part.add_column(column.header, justify=column.justify, overflow="fold")
    rows = zip(*(column.cells for column in columns), strict=True)
    for row, cells in zip(table.rows, rows, strict=True):
        part.add_row(*cells, style=row.style, end_section=row.end_section)
    return part
