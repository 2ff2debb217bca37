"""TableRows: rows of a table as generators take and give them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np


@dataclass(frozen=True)
class TableRows:
    """Numbers and category codes of rows, the target among them as the last column of its type.

    `sizes`: the codes of a column lie in [0, size). `classes`: what messages call those of the
    target, where it has some.
    Shapes: numbers (n, F), NaN where a cell is missing; codes (n, C) int64.
    """

    numbers: np.ndarray
    codes: np.ndarray
    sizes: tuple[int, ...]
    target: Literal["class", "number"]
    classes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def labels(self) -> np.ndarray:
        """The class of each row. Shapes: (n,)"""
        assert self.target == "class"
        return self.codes[:, -1]

    def at(self, rows: np.ndarray) -> Self:
        """The rows at these positions, or where a mask is true."""
        return self.with_cells(self.numbers[rows], self.codes[rows])

    def with_cells(self, numbers: np.ndarray, codes: np.ndarray) -> Self:
        """Other rows of the same columns."""
        return type(self)(numbers, codes, self.sizes, self.target, self.classes)


@dataclass(frozen=True)
class GeneratedRows:
    """Rows that do not exist, and the positions of the training rows that each was made between.

    Shapes: parents (n, 0 to 2); of a generator that makes rows of all of train it has no column.
    """

    rows: TableRows
    parents: np.ndarray


def joined(parts: Sequence[TableRows]) -> TableRows:
    """Rows of the same columns, one part after the other."""
    numbers = np.concatenate([part.numbers for part in parts])
    return parts[0].with_cells(numbers, np.concatenate([part.codes for part in parts]))


def class_counts(labels: np.ndarray, count: int) -> dict[int, int]:
    """How many of so many rows each class gets: as in the labels, the largest remainders up."""
    classes, rows = np.unique(labels, return_counts=True)
    shares = count * rows / len(labels)
    counts = np.floor(shares).astype(int)
    short = count - counts.sum()
    counts[np.argsort(counts - shares, kind="stable")[:short]] += 1
    return {int(c): int(n) for c, n in zip(classes, counts, strict=True) if n}
