"""Columns of texts by their distinct ones, many of which are read at once."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from lepton.dataset.clean.cell_texts import Cells, distinct_texts, factorize, matches, tidy
from lepton.dataset.clean.number_blocks import is_text, whole_columns
from lepton.dataset.read.raw_table import RawTable

LookFor = Callable[[str], np.ndarray]


class TextColumn:
    """A column's distinct texts, in the order in which they appear, and how often each stands.

    Shapes: codes (rows,), -1 for missing; texts and counts (distinct,).
    """

    def __init__(self, name: str, codes: np.ndarray, texts: Cells, look_for: LookFor):
        self.name, self.codes, self.texts, self.look_for = name, codes, texts, look_for
        self.counts = np.bincount(codes[codes >= 0], minlength=len(texts))
        self.present = int(self.counts.sum())

    @classmethod
    def of(cls, column: pd.Series) -> "TextColumn":
        """One column of any type."""
        codes, texts = distinct_texts(column)
        return cls(str(column.name), codes, texts, Looks(texts).of)

    def matching(self, pattern: str) -> np.ndarray:
        """True for each distinct text that matches a pattern as a whole."""
        return self.look_for(pattern)

    def all_match(self, pattern: str) -> bool:
        return bool(len(self.texts)) and bool(self.matching(pattern).all())

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

    def of_some(self, some: slice) -> LookFor:
        """The same of some of the texts."""
        return lambda pattern: self.of(pattern)[some]


def text_columns(table: RawTable | pd.DataFrame, names: list[str]) -> dict[str, TextColumn]:
    """Those of the columns that are known to hold texts by their type in Arrow."""
    distinct = distinct_columns(table, names)
    texts = [texts for _, texts in distinct.values()]
    looks = Looks(texts[0] if len(texts) == 1 else pa.concat_arrays(texts)) if texts else None
    columns, start = {}, 0
    for name, (codes, own) in distinct.items():
        assert looks is not None
        look_for = looks.of_some(slice(start, start + len(own)))
        columns[name] = TextColumn(name, codes, own, look_for)
        start += len(own)
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
