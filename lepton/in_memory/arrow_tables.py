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
    names = list(map(column_name, frame.columns))
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
        columns = {name: _cells(name, cells) for name, cells in data.items()}
        return of_pandas(pd.DataFrame(columns))
    except ValueError as e:
        raise DataError(f"a dict of columns: {e}") from None


def column_array(column: pd.Series, name: str) -> pa.Array:
    """The cells of a column; categories stay such, and those that are numbers become texts.

    Raises: DataError where they have no type in common.
    """
    if isinstance(column.dtype, pd.SparseDtype):
        column = column.sparse.to_dense()
    try:
        if isinstance(column.dtype, pd.CategoricalDtype):
            column = column.cat.rename_categories(column.cat.categories.astype(str))
        array = pa.Array.from_pandas(column)
    except (UnicodeEncodeError, UnicodeDecodeError) as e:
        raise DataError(f"column {name!r}: a text that is no Unicode ({e.reason})") from None
    except OverflowError:
        raise DataError(
            f"column {name!r}: a whole number of more than 64 bits; make it float or text"
        ) from None
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as e:
        reason = str(e).splitlines()[0]
        raise DataError(f"column {name!r}: not values of one type ({reason})") from None
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array


def column_name(name: object) -> str:
    """What a column is called where it is kept.

    Raises: DataError for a text that no file can hold.
    """
    text = str(name)
    try:
        text.encode()
    except UnicodeError:
        raise DataError(f"column {name!r}: its name is no Unicode; rename it") from None
    return text


def _checked_names(table: pa.Table) -> pa.Table:
    _refuse_duplicates(table.column_names)
    return table


def _refuse_duplicates(names: Iterable[str]) -> None:
    for name in duplicate_names(list(names)):
        raise DataError(f"two columns are called {name!r}; give each column its own name")


def _cells(name: object, cells: Any) -> Any:
    if not isinstance(cells, Iterable) or isinstance(cells, str | bytes):
        raise DataError(f"column {name!r}: is one cell; give a list a column")
    return cells if hasattr(cells, "__len__") else list(cells)
