"""Columns of a raw table as their kinds say, parsed when they are asked for and not kept."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from lepton.dataset.clean import cell_parsing
from lepton.dataset.clean.cell_texts import as_objects, distinct_texts
from lepton.dataset.clean.column_kinds import COMPACT_PARSERS
from lepton.dataset.clean.file_parts import FileParts
from lepton.dataset.clean.number_blocks import number_block
from lepton.dataset.clean.text_columns import cells_end_to_end, distinct_columns
from lepton.dataset.read.raw_table import RawTable
from lepton.preprocessing.categories import Factorized


class ParsedColumns:
    """The columns that are not ignored: whole, or in blocks of rows once each was asked for whole.

    `missing` counts for each column so far the kept rows that lack it, by file.
    Shapes: kept_rows (rows,) bool.
    """

    def __init__(
        self, table: RawTable, kinds: dict[str, str], kept_rows: np.ndarray, files: FileParts
    ):
        self.table, self.kept_rows, self.files = table, kept_rows, files
        self.kinds = {name: kind for name, kind in kinds.items() if kind != "ignore"}
        self.missing: dict[str, list[tuple[str, int]]] = {}
        self.raw_types: dict[str, object] = {}

    def __contains__(self, name: object) -> bool:
        return name in self.kinds

    def __len__(self) -> int:
        return len(self.table)

    def __getitem__(self, name: str) -> pd.Series:
        parsed = COMPACT_PARSERS[self.kinds[name]](self._raw(name))
        self._count_missing(name, parsed.isna().to_numpy())
        return parsed

    def numbers(self, names: list[str]) -> np.ndarray:
        """Numeric columns, all at once. Shapes: -> (rows, len(names)), each column contiguous."""
        block = number_block(self.table, names)
        if block is None:
            return np.stack([self[name].to_numpy() for name in names]).T
        self.missing |= {name: [] for name in names}
        for i in np.flatnonzero(np.isnan(block).any(axis=0)):
            self._count_missing(names[i], np.isnan(block[:, i]))
        return block

    def dates(self, names: list[str]) -> np.ndarray:
        """Columns of dates, all at once. Shapes: -> (rows, len(names)), each column contiguous."""
        cells = cells_end_to_end(self.table, names)
        days = None if cells is None else cell_parsing.plain_days(cells)
        if days is None:
            return np.stack([self[name].to_numpy() for name in names]).T
        columns = days.reshape(len(names), len(self))
        for name, column in zip(names, columns, strict=True):
            self._count_missing(name, np.isnat(column))
        return columns.T

    def categories(self, names: list[str]) -> list[Factorized]:
        """Categorical and boolean columns, all at once."""
        columns, distinct = [], distinct_columns(self.table, names)
        for name in names:
            codes, texts = distinct.get(name) or distinct_texts(self._raw(name))
            self._count_missing(name, codes < 0)
            if self.kinds[name] == "boolean":
                codes, texts = cell_parsing.merge_boolean_words(codes, texts)
            columns.append(Factorized(codes, as_objects(texts)))
        return columns

    def blocks(self, rows: int) -> Iterator[pd.DataFrame]:
        """All columns of consecutive rows, as the whole columns hold them, `rows` at most."""
        for block in self.table.blocks(list(self.kinds), rows):
            columns = {
                name: COMPACT_PARSERS[kind](self._in_type_of_whole(block[name]))
                for name, kind in self.kinds.items()
            }
            yield pd.DataFrame(columns, copy=False)

    def _raw(self, name: str) -> pd.Series:
        raw = self.table[name]
        self.raw_types[name] = raw.dtype
        return raw

    def _count_missing(self, name: str, is_missing: np.ndarray) -> None:
        is_missing = is_missing & self.kept_rows
        any_are = is_missing.any()
        self.missing[name] = self.files.counts(is_missing, f"column {name}") if any_are else []

    def _in_type_of_whole(self, column: pd.Series) -> pd.Series:
        """Some rows as the column holds them: whole numbers are floats where others are missing."""
        whole = self.raw_types.get(str(column.name))  # not of columns that were read many at once
        if whole is None or column.dtype == whole or isinstance(whole, pd.CategoricalDtype):
            return column
        return column.astype(whole)
