"""Cells as texts, and columns as numbers of their distinct texts, in Arrow: no objects a cell."""

from typing import TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa
from pandas.api import types
from pyarrow import compute as pc

Cells: TypeAlias = pa.Array | pa.ChunkedArray
BLOCK_VALUES = 1 << 18  # of values that become Python objects at a time


def text_cells(column: pd.Series) -> Cells:
    """Cells as text without surrounding blanks, null for missing; 1, 1.0 and "1.0" are all "1"."""
    return tidy(_as_strings(column))


def distinct_texts(column: pd.Series) -> tuple[np.ndarray, Cells]:
    """The number of each cell's text among the distinct ones, -1 for missing, and those texts.

    The texts are those of `text_cells`, in the order in which they appear.
    Shapes: (N,), (distinct,).
    """
    if _is_text(column) or types.is_object_dtype(column.dtype):
        return factorize(text_cells(column))
    codes, texts = _distinct_strings(column)
    if types.is_numeric_dtype(column.dtype):
        return codes, tidy(texts)  # different numbers have different texts
    merged, texts = factorize(tidy(texts))
    return np.append(merged, -1)[codes], texts


def factorize(cells: Cells) -> tuple[np.ndarray, Cells]:
    """The number of each cell among the distinct ones, -1 for null, and those in their order."""
    encoded = cells.dictionary_encode()
    if isinstance(encoded, pa.ChunkedArray):
        chunks = encoded.unify_dictionaries().chunks
    else:
        chunks = [encoded]
    if not chunks:
        return np.empty(0, dtype=np.int32), pa.array([], cells.type)
    indices = [chunk.indices for chunk in chunks]
    codes = [as_numpy(some.fill_null(-1) if some.null_count else some) for some in indices]
    return np.concatenate(codes) if len(codes) > 1 else codes[0], chunks[0].dictionary


def as_numpy(cells: Cells) -> np.ndarray:
    """The values of an Arrow array: objects for texts, None for null."""
    options = {} if isinstance(cells, pa.ChunkedArray) else {"zero_copy_only": False}
    return cells.to_numpy(**options)


def as_objects(cells: Cells) -> np.ndarray:
    """Texts as Python objects, np.nan for null."""
    objects = np.array(as_numpy(cells), dtype=object)
    if cells.null_count:
        objects[as_numpy(cells.is_null())] = np.nan
    return objects


def as_categories(column: pd.Series, codes: np.ndarray, texts: Cells) -> pd.Series:
    """A column as pandas categories: the texts, by their number in each cell."""
    categories = pd.Index(as_objects(texts), dtype=object)
    values = pd.Categorical.from_codes(codes, categories=categories)
    return pd.Series(values, column.index, name=column.name)


def matches(cells: Cells, pattern: str) -> np.ndarray:
    """True for each text that matches a pattern as a whole; missing ones do not."""
    return as_numpy(pc.match_substring_regex(cells, rf"\A(?:{pattern})\z").fill_null(False))


def tidy(cells: Cells) -> Cells:
    """Texts without surrounding blanks, null for those that are blank; "1.0" is "1"."""
    cells = pc.utf8_trim_whitespace(cells)
    if pc.any(pc.ends_with(cells, ".0")).as_py():
        cells = pc.replace_substring_regex(cells, r"^(-?(?:0|[1-9]\d*))\.0$", r"\1")
    is_blank = pc.equal(cells, "")
    if not pc.any(is_blank).as_py():
        return cells
    return pc.if_else(is_blank, pa.scalar(None, cells.type), cells)


def _is_text(column: pd.Series) -> bool:
    """True for a column of texts, of pandas' own type for them or as objects."""
    if isinstance(column.dtype, pd.StringDtype):
        return True
    is_object = types.is_object_dtype(column.dtype)
    return is_object and types.infer_dtype(column, skipna=True) in ("string", "empty")


def _as_strings(column: pd.Series) -> Cells:
    """Cells as str() writes them, null where they are missing."""
    if isinstance(column.dtype, pd.StringDtype):
        return pa.array(column.array)
    if _is_text(column):
        return pa.array(column.to_numpy(dtype=object, na_value=None), pa.string())
    if types.is_object_dtype(column.dtype):
        is_missing = column.isna().to_numpy(dtype=bool)
        pairs = zip(is_missing, column.tolist(), strict=True)
        return pa.array([None if missing else str(value) for missing, value in pairs], pa.string())
    codes, texts = _distinct_strings(column)
    return texts.take(pa.array(codes, mask=codes < 0))


def _distinct_strings(column: pd.Series) -> tuple[np.ndarray, pa.Array]:
    """The number of each cell among the distinct ones, -1 for missing, and str() of those."""
    codes, values = pd.factorize(column)
    values = values.to_numpy() if types.is_float_dtype(values) else values  # float32 as float32
    texts = [
        pa.array([str(value) for value in values[start : start + BLOCK_VALUES]], pa.string())
        for start in range(0, len(values), BLOCK_VALUES)
    ]
    return codes, pa.concat_arrays(texts) if texts else pa.array([], pa.string())
