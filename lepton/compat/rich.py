"""Rich: a console that takes every string for text, in tables and bars too."""

from typing import Any

from rich.console import Console
from rich.progress import Progress, Task, TextColumn
from rich.text import Text

from lepton.foreign_text import printable


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
