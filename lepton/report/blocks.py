"""The blocks of a report; `html` and `markdown` write them all, `latex` the tables alone."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure as MatplotlibFigure


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    text: str


@dataclass(frozen=True)
class Note:
    """A paragraph that stands out: the reader needs it before believing the rest."""

    text: str


@dataclass(frozen=True)
class Table:
    """A table of texts, whose columns from `first_number` on hold numbers."""

    name: str  # of its CSV file
    caption: str
    header: list[str]
    rows: list[list[str]]
    first_number: int


@dataclass(frozen=True)
class Figure:
    """A figure that `draw` makes when it is needed."""

    name: str  # of its files, and for `--figure`
    caption: str
    alt: str  # stands for the picture where it cannot be seen
    draw: "Callable[[], MatplotlibFigure]" = field(repr=False)
    wide: bool = False
    by_itself: bool = True  # whether the report's command draws it alone, with `--figure`

    @property
    def file_stem(self) -> str:
        """The name of its files without the ending."""
        return safe_name(self.name)


@dataclass(frozen=True)
class Code:
    """Code to copy; a folded block shows its caption alone until it is opened."""

    caption: str
    text: str
    folded: bool = False


@dataclass(frozen=True)
class RunDetails:
    """What the row of a run opens."""

    folder: str
    settings: dict[str, str]  # in which runs differ
    history_header: list[str]
    history: list[list[str]]


@dataclass(frozen=True)
class RunsTable:
    """The table of all runs, which a page shows in parts; its rows stand in the order shown."""

    caption: str
    header: list[str]
    rows: list[list[str]]
    first_number: int
    details: list[RunDetails] = field(default_factory=list)  # of the first rows
    common_settings: dict[str, str] = field(default_factory=dict)


def safe_name(name: str) -> str:
    """The name with `_` for each character that file systems, HTML or LaTeX may not take."""
    return "".join(c if c.isalnum() or c in "-_." else "_" for c in name)


Block = Text | Note | Table | Figure | Code | RunsTable


@dataclass(frozen=True)
class Section:
    """A title and the blocks below it."""

    title: str
    blocks: list[Block]


@dataclass(frozen=True)
class Report:
    """A whole report, from its summary down to every run."""

    title: str
    summary: list[str]  # sentences
    facts: dict[str, str]
    sections: list[Section]
    command: str  # makes the same report again
    what: str = "report"  # it is called, beside its title
    answer: list[Figure] = field(default_factory=list)  # below the summary

    def figures(self) -> list[Figure]:
        blocks = [b for section in self.sections for b in section.blocks]
        return [*self.answer, *(b for b in blocks if isinstance(b, Figure))]

    def tables(self) -> list[Table]:
        return [b for section in self.sections for b in section.blocks if isinstance(b, Table)]
