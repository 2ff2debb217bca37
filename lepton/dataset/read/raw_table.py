"""Tables as they were read: whole columns, or blocks of rows, and never all of it at once."""

from collections.abc import Iterator
from typing import Protocol

import pandas as pd
import pyarrow as pa

from lepton.dataset.clean.cleaning_note import CleaningNote


class RawTable(Protocol):
    """Rows of one or several files. Each access may read anew: what it gave can be let go.

    `notes` are on the reading.
    """

    columns: pd.Index
    notes: list[CleaningNote]

    def __len__(self) -> int: ...

    def __contains__(self, name: object) -> bool: ...

    def __getitem__(self, name: str) -> pd.Series:
        """A whole column."""
        ...

    def blocks(self, names: list[str], rows: int) -> Iterator[pd.DataFrame]:
        """Columns of consecutive rows, in order, `rows` at most in a block."""
        ...


class FrameTable:
    """A table that lies in memory as a DataFrame."""

    def __init__(self, frame: pd.DataFrame):
        self.notes: list[CleaningNote] = frame.attrs.pop("notes", [])
        self.frame, self.columns = frame, frame.columns

    def __len__(self) -> int:
        return len(self.frame)

    def __contains__(self, name: object) -> bool:
        return name in self.columns

    def __getitem__(self, name: str) -> pd.Series:
        return self.frame[name]

    def blocks(self, names: list[str], rows: int) -> Iterator[pd.DataFrame]:
        for start in range(0, len(self.frame), rows):
            block = slice(start, start + rows)
            columns = {name: self.frame[name].iloc[block] for name in names}
            yield pd.DataFrame(columns, index=self.frame.index[block], copy=False)


class ArrowTable:
    """An Arrow table, in memory or mapped from a file, whose columns become pandas' when asked."""

    def __init__(self, table: pa.Table, notes: list[CleaningNote]):
        self.table, self.notes = table, notes
        self.columns = pd.Index(table.column_names)

    def __len__(self) -> int:
        return self.table.num_rows

    def __contains__(self, name: object) -> bool:
        return name in self.columns

    def __getitem__(self, name: str) -> pd.Series:
        return self.table.select([name]).to_pandas(ignore_metadata=True)[name]

    def blocks(self, names: list[str], rows: int) -> Iterator[pd.DataFrame]:
        for start in range(0, len(self), rows):
            block = self.table.select(names).slice(start, rows)
            yield block.to_pandas(ignore_metadata=True)


class JoinedTables:
    """The rows of a table, then those of a second one, which has the columns of the first."""

    def __init__(self, first: RawTable, second: RawTable):
        self.tables, self.columns = (first, second), first.columns
        self.notes = [*first.notes, *second.notes]

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
