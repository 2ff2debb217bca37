"""Tables as they were read: whole columns, or blocks of rows, and never all of it at once."""

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import replace
from itertools import chain
from typing import Protocol

import pandas as pd
import pyarrow as pa

from lepton.dataset.clean.cleaning_note import CleaningNote
from lepton.errors import DataError


class RawTable(Protocol):
    """Rows of one or several files. Each access may read anew: what it gave can be let go.

    `notes` are on the reading; `missing_words` counts by column what was read as missing. `source`
    is the table for who knows DataFrames alone: one where it lies in memory as such, else itself.
    """

    columns: pd.Index
    notes: list[CleaningNote]
    missing_words: dict[str, Counter[str]]

    @property
    def source(self) -> "pd.DataFrame | RawTable": ...

    def __len__(self) -> int: ...

    def __contains__(self, name: object) -> bool: ...

    def __getitem__(self, name: str) -> pd.Series:
        """A whole column."""
        ...

    # Most tables of lepton's also have `whole_columns(names)`, several at once as they lie there,
    # and `cell_type(name)`, of NumPy, pandas or Arrow.

    def blocks(self, names: list[str], rows: int) -> Iterator[pd.DataFrame]:
        """Columns of consecutive rows, in order, `rows` at most in a block."""
        ...


class FrameTable:
    """A table that lies in memory as a DataFrame."""

    def __init__(self, frame: pd.DataFrame):
        self.notes: list[CleaningNote] = frame.attrs.pop("notes", [])
        self.missing_words: dict[str, Counter[str]] = frame.attrs.pop("missing_words", {})
        self.frame = self.source = frame
        self.columns = frame.columns

    def __len__(self) -> int:
        return len(self.frame)

    def __contains__(self, name: object) -> bool:
        return name in self.columns

    def __getitem__(self, name: str) -> pd.Series:
        return self.frame[name]

    def whole_columns(self, names: list[str]) -> pd.DataFrame:
        return self.frame[names]

    def cell_type(self, name: str) -> object:
        return self.frame.dtypes[name]

    def blocks(self, names: list[str], rows: int) -> Iterator[pd.DataFrame]:
        for start in range(0, len(self.frame), rows):
            block = slice(start, start + rows)
            columns = {name: self.frame[name].iloc[block] for name in names}
            yield pd.DataFrame(columns, index=self.frame.index[block], copy=False)


class ArrowTable:
    """An Arrow table, in memory or mapped from a file, whose columns become pandas' when asked."""

    def __init__(
        self,
        table: pa.Table,
        notes: list[CleaningNote],
        missing_words: dict[str, Counter[str]] | None = None,
    ):
        self.table, self.notes, self.source = table, notes, self
        self.missing_words = missing_words or {}
        self.columns = pd.Index(table.column_names)

    def __len__(self) -> int:
        return self.table.num_rows

    def __contains__(self, name: object) -> bool:
        return name in self.columns

    def __getitem__(self, name: str) -> pd.Series:
        column = self.table.column(name).to_pandas()
        column.name = name
        return column

    def whole_columns(self, names: list[str]) -> pa.Table:
        return self.table.select(names)

    def cell_type(self, name: str) -> object:
        return self.table.schema.field(name).type

    def blocks(self, names: list[str], rows: int) -> Iterator[pd.DataFrame]:
        for start in range(0, len(self), rows):
            block = self.table.select(names).slice(start, rows)
            yield block.to_pandas(ignore_metadata=True)


class StrippedTable:
    """A table of texts, of whose columns some lose these characters at the end."""

    def __init__(self, table: RawTable, stripped: Collection[str], characters: str):
        self.table, self.stripped, self.characters = table, stripped, characters
        self.notes, self.columns, self.source = table.notes, table.columns, self
        self.missing_words: dict[str, Counter[str]] = getattr(table, "missing_words", {})

    def __len__(self) -> int:
        return len(self.table)

    def __contains__(self, name: object) -> bool:
        return name in self.table

    def __getitem__(self, name: str) -> pd.Series:
        column = self.table[name]
        return column.str.rstrip(self.characters) if name in self.stripped else column

    def blocks(self, names: list[str], rows: int) -> Iterator[pd.DataFrame]:
        for block in self.table.blocks(names, rows):
            ends = {
                name: block[name].str.rstrip(self.characters)
                for name in names
                if name in self.stripped
            }
            yield block.assign(**ends)


class JoinedTables:
    """The rows of a table, then those of a second one, which has the columns of the first."""

    def __init__(self, first: RawTable, second: RawTable):
        self.tables, self.columns, self.source = (first, second), first.columns, self
        self.notes: list[CleaningNote] = []
        self.missing_words: dict[str, Counter[str]] = {}

    def __len__(self) -> int:
        return sum(map(len, self.tables))

    def __contains__(self, name: object) -> bool:
        return name in self.columns

    def __getitem__(self, name: str) -> pd.Series:
        columns = [table[name].to_frame() for table in self.tables]
        return pd.concat(columns, ignore_index=True)[name]

    def blocks(self, names: list[str], rows: int) -> Iterator[pd.DataFrame]:
        for table in self.tables:
            yield from table.blocks(names, rows)


def as_table(frame: pd.DataFrame | RawTable) -> RawTable:
    """A DataFrame as a table; a table as it is."""
    return FrameTable(frame) if isinstance(frame, pd.DataFrame) else frame


def join_tables(first: RawTable, second: RawTable, names: tuple[str, str]) -> RawTable:
    """The rows of both files of these names; two DataFrames are one again.

    The notes on reading say which file they are on.

    Raises: DataError for a column that the second lacks, and where it has no row.
    """
    absent = [repr(name) for name in first.columns if name not in second.columns]
    if absent:
        raise DataError(f"{names[1]} lacks {', '.join(absent)}, which {names[0]} has")
    if not len(second):
        raise DataError(f"{names[1]}: no rows")
    if isinstance(first, FrameTable) and isinstance(second, FrameTable):
        frames = [first.frame, second.frame[list(first.columns)]]
        joined: RawTable = FrameTable(pd.concat(frames, ignore_index=True))
    else:
        joined = JoinedTables(first, second)
    words = [getattr(table, "missing_words", {}) for table in (first, second)]
    joined.missing_words = {
        name: words[0].get(name, Counter()) + words[1].get(name, Counter())
        for name in chain(*words)
    }
    joined.notes = [
        replace(note, where=f"{name}, {note.where}")
        for name, table in zip(names, (first, second), strict=True)
        for note in table.notes
    ]
    return joined
