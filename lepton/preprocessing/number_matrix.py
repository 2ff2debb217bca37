"""Numbers of the training rows, gathered a few columns at a time for what scales them."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from lepton.errors import DataError

MAX_NUMBER = 1e150  # of 64 bits, whose square still is one
BLURRED_STDS = 2**16  # deviations from 0, at which 32 bits keep 1 / 256 of a deviation
MakeArray = Callable[[tuple[int, ...], np.dtype], np.ndarray]  # an empty array of this shape


def read_columns(columns: Any, names: list[str]) -> Sequence[np.ndarray]:
    """Numeric columns, many at once where their class has `numbers`."""
    if names and hasattr(type(columns), "numbers"):
        return columns.numbers(names).T
    return [columns[name].to_numpy() for name in names]


def scalable(names: Sequence[str], values: np.ndarray) -> np.ndarray:
    """The values of columns, whose squares must be finite numbers.

    Shapes: values (len(names), rows).
    Raises: DataError that names the first column of others.
    """
    largest = np.fmax.reduce(np.abs(values), axis=1, initial=0).astype(float)
    if (largest > MAX_NUMBER).any():
        place = int((largest > MAX_NUMBER).argmax())
        raise DataError(
            f"column {names[place]!r}: holds {largest[place]:.6g}; "
            f"numbers above {MAX_NUMBER:g} cannot be scaled"
        )
    return values


def is_blurred(column: np.ndarray) -> bool:
    """True for numbers so far from 0 that 32 bits blur their deviation."""
    with np.errstate(over="ignore", invalid="ignore"):
        mean, std = float(column.mean(dtype=float)), float(column.std(dtype=float))
    return 0 < std * BLURRED_STDS < abs(mean)


def fill_missing(numbers: np.ndarray, fill: list[float]) -> np.ndarray:
    """The numbers, their missing values replaced in place, column by column."""
    with np.errstate(invalid="ignore", over="ignore"):
        incomplete = np.flatnonzero(np.isnan(numbers.sum(axis=0)))
    for place in incomplete:
        column = numbers[:, place]
        column[np.isnan(column)] = fill[place]
    return numbers


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
