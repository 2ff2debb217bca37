"""Columns of plain numbers read many at once, as most columns of wide tables are."""

from typing import Any, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import compute as pc

from lepton.dataset.clean.cell_texts import as_numpy
from lepton.dataset.read.raw_table import RawTable

NUMBER = r"^[+-]?[\d.]+(?:[eE][+-]?\d+)?$"  # or nearly one: what is told is parsed in full
PROBED_ROWS = 16  # which tell most columns of words from those of numbers
MAX_WHOLE = 1e15  # below which a float holds every digit of a whole number
PLUS, MINUS, ZERO, NINE = map(ord, "+-09")

Columns: TypeAlias = pd.DataFrame | pa.Table


def number_block(table: RawTable | pd.DataFrame, names: list[str]) -> np.ndarray | None:
    """What `to_numbers` makes of columns that hold finite numbers and missing cells alone.

    None where one holds anything else: then each is parsed by itself.
    Shapes: -> (rows, len(names)) floats, each column contiguous.
    """
    columns = whole_columns(table, names)
    return None if columns is None else _numbers(columns)


def plain_numbers(table: RawTable | pd.DataFrame, names: list[str]) -> list[str]:
    """Those columns that are seen to be numbers and nothing else: no constants, no identifiers, no
    codes. The others may be numbers as well."""
    columns = whole_columns(table, names)
    if columns is None or not len(columns):
        return []
    return _plain(columns, _candidates(columns, names))


def _plain(columns: Columns, names: list[str]) -> list[str]:
    """The plain ones of some columns; of those that hold anything else, halves are looked at."""
    if not names:
        return []
    some = columns[names] if isinstance(columns, pd.DataFrame) else columns.select(names)
    block = _numbers(some)
    if block is None:
        half = len(names) // 2
        if not half:
            return []
        return _plain(columns, names[:half]) + _plain(columns, names[half:])
    low, high = np.fmin.reduce(block, axis=0), np.fmax.reduce(block, axis=0)
    spread, present = high - low, np.count_nonzero(~np.isnan(block), axis=0)
    are_plain = (spread > 0) & (spread != present - 1) & (np.maximum(-low, high) < MAX_WHOLE)
    if isinstance(some, pa.Table) and is_text(some.schema.types[0]):
        are_codes = np.concatenate(list(map(_begin_as_codes, _pieces(some))))
        are_plain &= ~are_codes.reshape(len(names), len(block)).any(axis=1)
    return [name for name, is_plain in zip(names, are_plain.tolist(), strict=True) if is_plain]


def whole_columns(table: RawTable | pd.DataFrame, names: list[str]) -> Columns | None:
    """Several columns as they lie there; None of a table that gives them one by one alone."""
    if not names:
        return None
    if isinstance(table, pd.DataFrame):
        frame: Any = table
        return frame[names]
    read = getattr(table, "whole_columns", None)  # which tables of others need not have
    return None if read is None else read(names)


def _candidates(columns: Columns, names: list[str]) -> list[str]:
    """Columns that may be numbers, by their types, or by their first cells where all are texts."""
    if isinstance(columns, pd.DataFrame):
        return [name for name in names if is_number(columns[name].dtype)]
    kinds = dict(zip(columns.schema.names, columns.schema.types, strict=True))
    typed = [name for name in names if is_number(kinds[name])]
    texts = [name for name in names if is_text(kinds[name])]
    if typed or not texts:
        return typed
    first = columns.select(texts).slice(0, PROBED_ROWS)
    looks = [
        as_numpy(pc.match_substring_regex(cells, NUMBER).fill_null(True))
        for cells in _pieces(first)
    ]
    looks_by_column = np.concatenate(looks).reshape(len(texts), len(first))
    are_candidates: Any = looks_by_column.all(axis=1)
    return [name for name, is_one in zip(texts, are_candidates.tolist(), strict=True) if is_one]


def _numbers(columns: Columns) -> np.ndarray | None:
    block = _of_frame(columns) if isinstance(columns, pd.DataFrame) else _of_arrow(columns)
    return None if block is None or np.isinf(block).any() else block


def _of_frame(frame: pd.DataFrame) -> np.ndarray | None:
    kinds = set(frame.dtypes)
    if not all(map(is_number, kinds)):
        return None
    dtype = np.float32 if kinds == {np.dtype(np.float32)} else np.float64
    return np.asfortranarray(frame.to_numpy(dtype=dtype))


def is_number(kind: object) -> bool:
    """True for a type of NumPy's or Arrow's that is of floats or whole numbers."""
    if isinstance(kind, np.dtype):
        return kind in (np.float32, np.float64) or np.issubdtype(kind, np.integer)
    return isinstance(kind, pa.DataType) and (
        pa.types.is_integer(kind) or kind in (pa.float32(), pa.float64())
    )


def _of_arrow(table: pa.Table) -> np.ndarray | None:
    kinds = set(table.schema.types)
    if len(kinds) == 1 and all(map(is_text, kinds)):
        return _of_texts(table)
    if not all(map(is_number, kinds)):
        return None
    dtype = np.float32 if kinds == {pa.float32()} else np.float64
    block = np.empty((table.num_rows, table.num_columns), dtype=dtype, order="F")
    for values, column in zip(block.T, table.columns, strict=True):
        values[:] = column.to_numpy()
    return block


def _of_texts(table: pa.Table) -> np.ndarray | None:
    """Texts that are all finite numbers as Arrow reads them, NaN for missing."""
    try:
        cells = _pieces(table)
        values = np.concatenate([as_numpy(pc.cast(piece, pa.float64())) for piece in cells])
    except pa.ArrowInvalid:
        return None
    missing = sum(piece.null_count for piece in cells)
    if np.count_nonzero(np.isfinite(values)) < len(values) - missing:
        return None
    return values.reshape(table.num_columns, table.num_rows).T


def _pieces(table: pa.Table) -> list[pa.Array]:
    """The cells of all columns laid end to end, few of which are in one piece."""
    chunks = [chunk for column in table.columns for chunk in column.chunks]
    return chunks if table.num_columns == 1 else [pa.concat_arrays(chunks)]


def is_text(kind: pa.DataType) -> bool:
    """True for a type of Arrow's that is of texts."""
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


def _begin_as_codes(cells: pa.Array) -> np.ndarray:
    """True for each text that begins with a zero and a further digit, after a sign or without."""
    _, offsets, content = cells.buffers()
    if content is None:
        return np.zeros(len(cells), dtype=bool)
    places = np.frombuffer(offsets, np.int32 if pa.types.is_string(cells.type) else np.int64)
    places = places[cells.offset : cells.offset + len(cells) + 1]
    characters = np.frombuffer(content, np.uint8)
    firsts, ends, last = places[:-1], places[1:], len(characters) - 1
    beginnings = characters[np.minimum(firsts, last)]
    firsts = firsts + ((beginnings == PLUS) | (beginnings == MINUS))
    has_zero = (firsts + 1 < ends) & (characters[np.minimum(firsts, last)] == ZERO)
    long = np.flatnonzero(has_zero)
    following = characters[firsts[long] + 1]
    are_codes = np.zeros(len(cells), dtype=bool)
    are_codes[long] = (following >= ZERO) & (following <= NINE)
    return are_codes
