"""What a report is made of; `html` and `markdown` write it, `latex` its tables."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Text:
    words: str


@dataclass(frozen=True)
class Note:
    """What the reader must know before believing the rest."""

    words: str


@dataclass(frozen=True)
class Table:
    """Cells as text; columns from `numbers` on are numbers."""

    name: str
    caption: str
    head: list[str]
    rows: list[list[str]]
    numbers: int


@dataclass(frozen=True)
class Figure:
    """`draw` makes matplotlib's figure when it is asked for."""

    name: str  # of its files, and for `--figure`
    caption: str
    alt: str  # what a reader who cannot see it is told
    draw: Callable[[], Any] = field(repr=False)
    wide: bool = False

    @property
    def file(self) -> str:
        """The name as one of a file, without its end."""
        return plain(self.name)


@dataclass(frozen=True)
class Code:
    caption: str
    text: str
    folded: bool = False


@dataclass(frozen=True)
class Runs:
    """Every run, in pages: cells as text, the first row as shown first."""

    caption: str
    head: list[str]
    rows: list[list[str]]
    numbers: int


def plain(name: str) -> str:
    """A name with nothing in it that a file system, a page or LaTeX would take otherwise."""
    return "".join(c if c.isalnum() or c in "-_." else "_" for c in name)


Block = Text | Note | Table | Figure | Code | Runs


@dataclass(frozen=True)
class Section:
    title: str
    blocks: list[Block]


@dataclass(frozen=True)
class Report:
    title: str
    answer: list[str]  # sentences
    facts: dict[str, str]
    sections: list[Section]
    command: str  # that makes it again

    def figures(self) -> list[Figure]:
        return [b for section in self.sections for b in section.blocks if isinstance(b, Figure)]

    def tables(self) -> list[Table]:
        return [b for section in self.sections for b in section.blocks if isinstance(b, Table)]
