"""FileRows: a tensor whose rows are decoded from files when they are asked for."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lepton.compat.torch import AbsentTensor

NO_FILE = -1  # in place of a row's number


class FileRows(AbsentTensor):
    """A tensor on the CPU that holds no rows: those that an index takes are read and returned.

    Whatever else is done with it is done with all rows, which are read for that. `read` gives the
    values of some rows, which may be narrower than `shape` says, and are then followed by zeros.
    `ahead`: rows should be read before they are needed, while others are computed with.
    `blank`: what a row holds that has no file.
    Shapes: rows (N,), what `read` calls each, NO_FILE of one without; `shape` of a row.
    """

    @staticmethod
    def __new__(cls, read: Any, rows: np.ndarray, shape: Any, dtype: torch.dtype, **_: Any):
        return AbsentTensor.absent(cls, (len(rows), *shape), dtype)

    def __init__(
        self,
        read: Callable[[np.ndarray], np.ndarray],
        rows: np.ndarray,
        shape: tuple[int, ...],
        dtype: torch.dtype,
        *,
        ahead: bool,
        blank: float = 0,
    ):
        self.read, self.rows, self.row_shape, self.ahead = read, rows, (*shape,), ahead
        self.blank = blank

    def among(self, has_file: np.ndarray, blank: float) -> "FileRows":
        """The rows in the places that have a file. Shapes: has_file (all rows,) bool."""
        rows = np.full(len(has_file), NO_FILE)
        rows[has_file] = self.rows
        shape, ahead = self.row_shape, self.ahead
        return FileRows(self.read, rows, shape, self.dtype, ahead=ahead, blank=blank)

    def whole(self, index: Any = slice(None)) -> Tensor:
        """The rows at some places, in memory."""
        rows = self.rows[index]
        has_file = torch.from_numpy(rows != NO_FILE)
        values = torch.from_numpy(self.read(rows[has_file.numpy()]))
        if has_file.all() and (*values.shape[1:],) == self.row_shape:
            return values
        width = min(values.shape[1], self.row_shape[0])
        values = values[:, :width]
        padded = torch.zeros((len(rows), *self.row_shape), dtype=self.dtype)
        padded[~has_file] = self.blank
        padded[has_file, :width] = values
        return padded

    def numpy(self, *, force: bool = False) -> np.ndarray:
        return self.whole().numpy()

    def __repr__(self, *, tensor_contents: Any = None) -> str:
        return f"FileRows({len(self.rows)} of {self.row_shape}, {self.dtype})"

    def __getitem__(self, index: Any) -> Tensor:
        match index:
            case Tensor():
                return self.whole(index.numpy())
            case (slice(start=None, stop=None), slice(start=None, stop=int(width), step=None)) if (
                width >= 0
            ):
                return self._as_wide_as((min(self.row_shape[0], width), *self.row_shape[1:]))
            case slice():
                return self.whole(index)
        return self.whole()[index]

    def index_select(self, dim: int, index: Tensor) -> Tensor:
        return self.whole(index.numpy()) if dim == 0 else self.whole().index_select(dim, index)

    def _as_wide_as(self, shape: tuple[int, ...]) -> "FileRows":
        return FileRows(self.read, self.rows, shape, self.dtype, ahead=self.ahead, blank=self.blank)


def holds_files(rows: Mapping[str, Any]) -> bool:
    """True for rows some of which are decoded when they are asked for."""
    return any(isinstance(values, FileRows) for values in rows.values())


def reads_ahead(rows: Mapping[str, Any]) -> bool:
    """True where the next batches should be read while the present ones are computed with."""
    return any(isinstance(values, FileRows) and values.ahead for values in rows.values())
