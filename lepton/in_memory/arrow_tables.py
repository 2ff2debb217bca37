"""Rows in memory, of whatever library, as an Arrow table and what reads such rows."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from lepton.dataset.read.column_names import duplicate_names
from lepton.errors import DataError

MOST_COLUMNS = 2  # dimensions of an array: rows, and columns


@dataclass(frozen=True)
class Rows:
    """Rows as a table, the data set that reads it, and the keys of it that the rows settle."""

    table: pa.Table
    dataset: str = "parquet"
    settings: dict[str, Any] = field(default_factory=dict)
    name: str = "frame"  # what tables and run folders call it


def of_pandas(data: Any) -> Rows | None:
    """The rows of a DataFrame or a Series, without the index; None of anything else.

    Raises: DataError for a column that holds values of several types.
    """
    frame = data.to_frame() if isinstance(data, pd.Series) else data
    if not isinstance(frame, pd.DataFrame):
        return None
    names = [str(name) for name in frame.columns]
    _refuse_duplicates(names)
    arrays = [column_array(frame.iloc[:, i], name) for i, name in enumerate(names)]
    return Rows(pa.table(dict(zip(names, arrays, strict=True))))


def of_capsule(data: Any) -> Rows | None:
    """The rows of what speaks Arrow's capsules, as frames of polars do."""
    if not hasattr(data, "__arrow_c_stream__"):
        return None
    return Rows(_checked_names(pa.table(data)))


def of_protocol(data: Any) -> Rows | None:
    """The rows of what speaks the interchange protocol of frames alone."""
    if not hasattr(data, "__dataframe__"):
        return None
    from pyarrow.interchange import from_dataframe

    return Rows(_checked_names(from_dataframe(data)))


def of_array(data: Any) -> Rows | None:
    """The rows of an array, sparse ones too, whose columns are called x0, x1, ..."""
    dense = data.toarray() if hasattr(data, "toarray") else data
    if not hasattr(dense, "__array__"):
        return None
    array = np.asarray(dense)
    if array.ndim != MOST_COLUMNS:
        shape = " x ".join(map(str, array.shape)) or "no rows"
        raise DataError(f"an array of {shape}: give one of rows x columns")
    names = [f"x{number}" for number in range(array.shape[1])]
    return of_pandas(pd.DataFrame(array, columns=names).infer_objects())


def of_columns(data: Any) -> Rows | None:
    """The rows of a dict of columns."""
    if not isinstance(data, Mapping):
        return None
    try:
        return of_pandas(pd.DataFrame({name: _cells(cells) for name, cells in data.items()}))
    except ValueError as e:
        raise DataError(f"a dict of columns: {e}") from None


def column_array(column: pd.Series, name: str) -> pa.Array:
    """The cells of a column; categories stay such, and those that are numbers become texts.

    Raises: DataError where they have no type in common.
    """
    if isinstance(column.dtype, pd.SparseDtype):
        column = column.sparse.to_dense()
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.cat.rename_categories(column.cat.categories.astype(str))
    try:
        array = pa.Array.from_pandas(column)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as e:
        reason = str(e).splitlines()[0]
        raise DataError(f"column {name!r}: not values of one type ({reason})") from None
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array


def _checked_names(table: pa.Table) -> pa.Table:
    _refuse_duplicates(table.column_names)
    return table


def _refuse_duplicates(names: Iterable[str]) -> None:
    for name in duplicate_names(list(names)):
        raise DataError(f"two columns are called {name!r}; give each column its own name")


def _cells(cells: Any) -> Any:
    return cells if hasattr(cells, "__len__") else list(cells)
