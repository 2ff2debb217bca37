"""Tables and lines of a command as a small part of a page, for a notebook."""

from collections.abc import Sequence
from html import escape

from rich.table import Table

from lepton.foreign_text import printable


def html_of(title: str, blocks: Sequence[Table | str]) -> str:
    """A heading, tables, and a paragraph for each line of text."""
    parts = [_table(b) if isinstance(b, Table) else f"<p>{_text(b)}</p>" for b in blocks]
    return f"<div><strong>{_text(title)}</strong>{''.join(parts)}</div>"


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
