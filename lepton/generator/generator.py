"""Generator: the base of what makes rows that do not exist, of training rows alone."""

from abc import ABC, abstractmethod

import numpy as np

from lepton.errors import DataError
from lepton.generator.plain_columns import PlainColumns
from lepton.generator.rows import GeneratedRows, TableRows
from lepton.seeds import derive


class Generator(ABC):
    """Makes rows of a table, their target too; what it draws follows from a seed.

    A derived class defines `make`, which is given no missing numbers.
    """

    def generate(self, rows: TableRows, count: int, seed: int) -> GeneratedRows:
        """So many rows like these, which are all that is learned from.

        Raises: DataError for a class of one row, which nothing can be learned of.
        """
        _refuse_lonely_classes(rows)
        columns = PlainColumns.of(rows)
        plain = columns.plain(rows, np.random.default_rng(derive(seed, "missing")))
        generated = self.make(plain, count, seed)
        return GeneratedRows(columns.restore(generated.rows, rows), generated.parents)

    @abstractmethod
    def make(self, rows: TableRows, count: int, seed: int) -> GeneratedRows:
        """So many rows like these. Shapes: no number of `rows` is NaN."""


def no_parents(count: int) -> np.ndarray:
    """The parents of rows that are made of all of train. Shapes: (count, 0)"""
    return np.empty((count, 0), dtype=np.int64)


def _refuse_lonely_classes(rows: TableRows) -> None:
    if len(rows) < 2:
        raise DataError(f"a generator needs two training rows or more; there is {len(rows)}")
    if rows.target == "number":
        return
    counts = np.bincount(rows.labels)
    if (counts == 1).any():
        lonely = int(np.argmax(counts == 1))
        name = rows.classes[lonely] if rows.classes else lonely
        raise DataError(
            f"dataset.target: class {name!r} has a single training row, of which no generator "
            "can learn; leave it out with dataset.where, or join it with another class"
        )
