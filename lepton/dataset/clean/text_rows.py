"""Texts of all rows of a data set: in memory, or mapped from a scratch file."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from pandas.api import types

from lepton.dataset.clean.suggestion import suggestion
from lepton.dataset.read.arrow_store import collect
from lepton.dataset.read.raw_table import RawTable
from lepton.errors import DataError

BLOCK_ROWS = 16_384  # of a table that are parsed at a time


class TextRows:
    """Texts that lie in memory. Shapes: texts (rows, columns), empty where a cell was missing."""

    def __init__(self, texts: np.ndarray):
        self.texts = texts

    def __len__(self) -> int:
        return len(self.texts)

    def blocks(self, rows: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yields places among `rows`, and the texts of these rows; each row once.

        Shapes: rows (N,); places (B,); texts (B, columns).
        """
        yield np.arange(len(rows)), self.texts[rows]


class MappedTextRows(TextRows):
    """Texts that lie in a file; the blocks come in the order of the file."""

    def __init__(self, table: pa.Table):
        self.table = table

    def __len__(self) -> int:
        return self.table.num_rows

    def blocks(self, rows: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        order, start = np.argsort(rows, kind="stable"), 0
        for batch in self.table.to_batches():
            ends = [start, start + batch.num_rows]
            first, last = np.searchsorted(rows, ends, sorter=order)
            if first < last:
                places = order[first:last]
                of_rows = batch.take(pa.array(rows[places] - start))
                columns = [column.to_numpy(zero_copy_only=False) for column in of_rows.columns]
                yield places, np.stack(columns, 1).astype(object)
            start += batch.num_rows


class TokenizerInputs(Sequence):
    """Some rows of texts as a tokenizer takes them, read anew whenever they are looped over."""

    def __init__(self, texts: TextRows, rows: np.ndarray):
        self.texts, self.rows = texts, rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return TokenizerInputs(self.texts, self.rows[index])
        return next(iter(TokenizerInputs(self.texts, self.rows[[index]])))

    def __iter__(self) -> Iterator[Any]:
        for _, texts in self.texts.blocks(self.rows):
            yield from tokenizer_inputs(texts)


def read_texts(frame: pd.DataFrame | RawTable, columns: list[str]) -> TextRows:
    """The texts of these columns; those of a table that is not in memory stay on the disk.

    Raises: DataError when a column is missing or its cells are not texts.
    """
    if isinstance(frame, pd.DataFrame):
        return TextRows(parse_texts(frame, columns))
    _refuse_missing(frame.columns, columns)
    blocks = (parse_texts(block, columns) for block in frame.blocks(columns, BLOCK_ROWS))
    batches = (
        pa.RecordBatch.from_arrays(
            [pa.array(texts, pa.large_string()) for texts in block.T], names=columns
        )
        for block in blocks
    )
    table = collect(batches, spill=True)
    assert table is not None, "a table without rows is refused where it is read"
    return MappedTextRows(table)


def parse_texts(frame: pd.DataFrame, columns: list[str]) -> np.ndarray:
    """Cells as texts without surrounding blanks; missing ones are empty.

    Shapes: -> (rows, columns).
    Raises: DataError when a column is missing or its cells are not texts.
    """
    _refuse_missing(frame.columns, columns)
    parsed = []
    for name in columns:
        column = frame[name]
        kind = types.infer_dtype(column, skipna=True)
        if kind not in ("string", "empty", "categorical"):
            raise DataError(f"column {name!r} holds {kind} values, not texts")
        texts = column.astype(object).where(column.notna(), "")
        parsed.append(texts.astype(str).str.strip().to_numpy(dtype=object))
    return np.stack(parsed, 1) if parsed else np.empty((len(frame), 0), dtype=object)


def tokenizer_inputs(texts: np.ndarray) -> list[str] | list[tuple[str, str]]:
    """Texts, or pairs of them, as a tokenizer takes them.

    Shapes: texts (rows, columns).
    """
    rows = texts.tolist()
    if texts.shape[1] == 1:
        return [text for (text,) in rows]
    return [(first, second) for first, second in rows]


def _refuse_missing(present: pd.Index, columns: list[str]) -> None:
    """Raises: DataError for a column that is not there."""
    for name in columns:
        if name not in present:
            raise DataError(f"column {name!r} is missing{suggestion(name, present)}")
