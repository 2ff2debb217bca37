"""Columns of texts by their distinct ones, many of which are read at once."""

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from lepton.dataset.clean.cell_texts import Cells, distinct_texts, factorize, matches, tidy
from lepton.dataset.clean.number_blocks import is_text, whole_columns
from lepton.dataset.read.raw_table import RawTable


class Looks:
    """Which of many texts match a pattern; each pattern is looked for once, if at all.

    A pattern costs as much to compile as to be looked for in hundreds of texts.
    """

    def __init__(self, texts: Cells):
        self.texts = texts
        self.results: dict[str, np.ndarray] = {}

    def of(self, pattern: str) -> np.ndarray:
        if pattern not in self.results:
            self.results[pattern] = matches(self.texts, pattern)
        return self.results[pattern]


class TextColumn:
    """A column's distinct texts, in the order in which they appear, and how often each stands.

    `looks` are at the texts of several columns, from `start` on at its own; `first_looks` at the
    first text of each of these columns, at `place` at its own.
    Shapes: codes (rows,), -1 for missing; texts and counts (distinct,).
    """

    def __init__(self, name: str, codes: np.ndarray, texts: Cells):
        self.name, self.codes, self.texts = name, codes, texts
        self.counts = np.bincount(codes[codes >= 0], minlength=len(texts))
        self.present = int(self.counts.sum())
        self.looks, self.start = Looks(texts), 0
        self.first_looks, self.place = Looks(texts[:1]), 0

    @classmethod
    def of(cls, column: pd.Series) -> "TextColumn":
        """One column of any type."""
        codes, texts = distinct_texts(column)
        return cls(str(column.name), codes, texts)

    def matching(self, pattern: str) -> np.ndarray:
        """True for each distinct text that matches a pattern as a whole."""
        return self.looks.of(pattern)[self.start : self.start + len(self.texts)]

    def all_match(self, pattern: str) -> bool:
        """True when there are texts and all match; the first one mostly tells."""
        if not len(self.texts) or not self.first_looks.of(pattern)[self.place]:
            return False
        return bool(self.matching(pattern).all())

    def first(self, chosen: np.ndarray) -> str:
        """The first of some of the distinct texts."""
        return self.texts[int(chosen.argmax())].as_py()

    def first_texts(self, cells: int) -> Cells:
        """The distinct texts of so many cells from the first that is there."""
        codes = self.codes[self.codes >= 0][:cells]
        return self.texts[: int(codes.max()) + 1]

    def cells(self) -> Cells:
        """The text of every cell that is there."""
        return self.texts.take(pa.array(self.codes[self.codes >= 0]))


def text_columns(table: RawTable | pd.DataFrame, names: list[str]) -> dict[str, TextColumn]:
    """Those of the columns that are known to hold texts by their type in Arrow."""
    columns = {
        name: TextColumn(name, codes, texts)
        for name, (codes, texts) in distinct_columns(table, names).items()
    }
    if len(columns) > 1:
        several = [column.texts for column in columns.values()]
        looks = Looks(pa.concat_arrays(several))
        first_looks = Looks(pa.concat_arrays([texts[:1] for texts in several]))
        starts = np.cumsum([0, *map(len, several)]).tolist()
        places = np.cumsum([0, *(len(texts) > 0 for texts in several)]).tolist()
        for column, start, place in zip(columns.values(), starts, places, strict=False):
            column.looks, column.start = looks, start
            column.first_looks, column.place = first_looks, place
    return columns


def distinct_columns(
    table: RawTable | pd.DataFrame, names: list[str]
) -> dict[str, tuple[np.ndarray, Cells]]:
    """What `distinct_texts` gives of each of the columns that hold texts by their type in Arrow."""
    columns: Any = whole_columns(table, names)
    if not isinstance(columns, pa.Table):
        return {}
    kinds = zip(columns.column_names, columns.schema.types, strict=True)
    columns = columns.select([name for name, kind in kinds if is_text(kind)])
    if not columns.num_columns:
        return {}
    cells, rows = tidy(_end_to_end(columns)), columns.num_rows
    return {
        name: factorize(cells.slice(i * rows, rows)) for i, name in enumerate(columns.column_names)
    }


def cells_end_to_end(table: RawTable | pd.DataFrame, names: list[str]) -> Cells | None:
    """The cells of columns as they lie there, one column after the other; None where any holds no
    texts by its type in Arrow."""
    columns: Any = whole_columns(table, names)
    are_texts = isinstance(columns, pa.Table) and all(map(is_text, columns.schema.types))
    return _end_to_end(columns) if are_texts else None


def _end_to_end(columns: pa.Table) -> Cells:
    if columns.num_columns == 1:
        return columns.column(0)
    large = [column.cast(pa.large_string()) for column in columns.columns]  # of any bytes in all
    return pa.concat_arrays([chunk for column in large for chunk in column.chunks])
