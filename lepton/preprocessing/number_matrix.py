"""Numbers of the training rows, gathered a column at a time for what scales them."""

from collections.abc import Callable

import numpy as np

from lepton.errors import DataError

MAX_NUMBER = 1e150  # of 64 bits, whose square still is one
MakeArray = Callable[[tuple[int, ...], np.dtype], np.ndarray]  # an empty array of this shape


def scalable(name: str, values: np.ndarray) -> np.ndarray:
    """The values of a column, whose squares must be finite numbers.

    Raises: DataError that names the column.
    """
    largest = float(np.nanmax(np.abs(values), initial=0))
    if largest > MAX_NUMBER:
        raise DataError(
            f"column {name!r}: holds {largest:.6g}; numbers above {MAX_NUMBER:g} cannot be scaled"
        )
    return values


def in_memory(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """An empty array in memory."""
    return np.empty(shape, dtype=dtype)


class NumberMatrix:
    """Columns side by side, each contiguous: float64, or float32 where every column is.

    `make_array` gives the array that they lie in, which may be a file's. It is as wide as the
    columns that may come; those that did not are never touched.
    """

    def __init__(self, rows: int, max_columns: int, make_array: MakeArray):
        self.rows, self.max_columns, self.make_array = rows, max_columns, make_array
        self.columns: np.ndarray | None = None  # (max_columns, rows)
        self.filled = 0

    def append(self, values: np.ndarray) -> None:
        """Takes further columns. Shapes: (rows,) or (rows, n)."""
        values = values.reshape(self.rows, -1)
        if self.columns is None:
            dtype = values.dtype
        else:
            dtype = np.result_type(self.columns.dtype, values.dtype)
        if self.columns is None or dtype != self.columns.dtype:
            self._move_to(dtype)
        assert self.columns is not None
        for column in values.T:
            self.columns[self.filled] = column
            self.filled += 1

    def numbers(self) -> np.ndarray:
        """All columns. Shapes: (rows, columns), in Fortran's order."""
        if self.columns is None:
            return np.empty((self.rows, 0))
        return self.columns[: self.filled].T

    def _move_to(self, dtype: np.dtype) -> None:
        earlier = self.columns
        self.columns = self.make_array((self.max_columns, self.rows), dtype)
        if earlier is not None:
            for i in range(self.filled):
                self.columns[i] = earlier[i]
