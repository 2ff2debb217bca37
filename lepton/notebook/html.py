"""Tables and lines of a command as a small part of a page, for a notebook."""

from collections.abc import Sequence
from html import escape

from rich.table import Table

from lepton.foreign_text import printable


class Page:
    """A heading, and below it what is printed on it: tables, and a paragraph for each line."""

    def __init__(self, title: str) -> None:
        self.parts = [f"<strong>{_text(title)}</strong>"]

    def print(self, block: Table | str, /, *, soft_wrap: bool = False) -> None:
        """Adds a table or a line."""
        self.parts.append(_table(block) if isinstance(block, Table) else f"<p>{_text(block)}</p>")

    def html(self) -> str:
        return f"<div>{''.join(self.parts)}</div>"


def _table(table: Table) -> str:
    """A table of texts; columns keep the side that their cells stand on."""
    sides = [f' style="text-align:{column.justify}"' for column in table.columns]
    header = [_text(column.header) for column in table.columns]
    rows = zip(*(column.cells for column in table.columns), strict=True)
    body = "".join(_row("td", [_text(cell) for cell in row], sides) for row in rows)
    head = _row("th", header, sides)
    return f"<table><thead>{head}</thead><tbody>{body}</tbody></table>"


def _row(tag: str, cells: Sequence[str], sides: Sequence[str]) -> str:
    pairs = zip(cells, sides, strict=True)
    return f"<tr>{''.join(f'<{tag}{side}>{cell}</{tag}>' for cell, side in pairs)}</tr>"


def _text(text: object) -> str:
    return escape(printable(text, one_line=True))
