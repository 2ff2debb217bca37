"""SelectedRows: some rows of a table, in their order, as a table of its own."""

from collections import Counter
from collections.abc import Iterator

import numpy as np
import pandas as pd
import pyarrow as pa

from lepton.dataset.clean.cleaning_note import CleaningNote
from lepton.dataset.read.raw_table import FrameTable, RawTable


class SelectedRows:
    """The rows of these numbers of a table that is read piece by piece.

    Shapes: rows (n,), ascending.
    """

    def __init__(self, table: RawTable, rows: np.ndarray):
        self.table, self.rows, self.source = table, rows, self
        self.columns = table.columns
        self.notes: list[CleaningNote] = table.notes
        self.missing_words: dict[str, Counter[str]] = getattr(table, "missing_words", {})

    def __len__(self) -> int:
        return len(self.rows)

    def __contains__(self, name: object) -> bool:
        return name in self.table

    def __getitem__(self, name: str) -> pd.Series:
        return self.table[name].iloc[self.rows].reset_index(drop=True)

    def blocks(self, names: list[str], rows: int) -> Iterator[pd.DataFrame]:
        start = 0
        for block in self.table.blocks(names, rows):
            first, last = np.searchsorted(self.rows, [start, start + len(block)])
            if first < last:
                yield block.iloc[self.rows[first:last] - start].reset_index(drop=True)
            start += len(block)

    def whole_columns(self, names: list[str]) -> pd.DataFrame | pa.Table:
        read = getattr(self.table, "whole_columns", None)  # which not every table has
        if read is None:
            return pd.DataFrame({name: self[name] for name in names})
        columns = read(names)
        if isinstance(columns, pd.DataFrame):
            return columns.iloc[self.rows].reset_index(drop=True)
        return columns.take(pa.array(self.rows))


def some_rows(table: RawTable, rows: np.ndarray) -> RawTable:
    """The rows of these numbers; those of a DataFrame are one again. Shapes: rows (n,)."""
    if not isinstance(table, FrameTable):
        return SelectedRows(table, rows)
    selected = FrameTable(table.frame.iloc[rows].reset_index(drop=True))
    selected.notes, selected.missing_words = table.notes, table.missing_words
    return selected
