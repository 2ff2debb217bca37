"""PlainColumns: a table without missing numbers, and without numbers that have two values."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from lepton.generator.rows import TableRows


@dataclass(frozen=True)
class PlainColumns:
    """What takes the place of columns that a generator of numbers and categories cannot take.

    Of a number with missing cells a category says which are missing, and these hold a value of
    another row; a number of at most two values is a category. The target is left as it is.
    Shapes: pairs[column] (1 or 2,), the values of a number that is a category.
    """

    pairs: dict[int, np.ndarray]
    flagged: tuple[int, ...]
    width: int

    @classmethod
    def of(cls, rows: TableRows) -> Self:
        """The places of such columns among the numbers of these rows."""
        width = rows.numbers.shape[1]
        inputs = range(width - (rows.target == "number"))
        present = {c: rows.numbers[~np.isnan(rows.numbers[:, c]), c] for c in inputs}
        pairs = {c: np.unique(values) for c, values in present.items()}
        pairs = {c: values for c, values in pairs.items() if 0 < len(values) <= 2}
        flagged = [c for c, values in present.items() if len(values) < len(rows)]
        return cls(pairs, tuple(flagged), width)

    def plain(self, rows: TableRows, rng: np.random.Generator) -> TableRows:
        """The rows with these columns replaced; the further categories stand first."""
        numbers, added = rows.numbers.copy(), []
        for c in self.flagged:
            is_missing = np.isnan(numbers[:, c])
            present = numbers[~is_missing, c]
            numbers[is_missing, c] = rng.choice(present, is_missing.sum()) if len(present) else 0.0
            added.append((is_missing.astype(np.int64), 2))
        for c, values in self.pairs.items():
            added.append((np.searchsorted(values, numbers[:, c]), len(values)))
        codes = [codes[:, None] for codes, _ in added]
        return TableRows(
            np.delete(numbers, [*self.pairs], axis=1),
            np.concatenate([*codes, rows.codes], axis=1).astype(np.int64),
            (*(size for _, size in added), *rows.sizes),
            rows.target,
            rows.classes,
        )

    def restore(self, plain: TableRows, like: TableRows) -> TableRows:
        """The rows with the columns of `like`."""
        numbers = np.empty((len(plain), self.width))
        numbers[:, [c for c in range(self.width) if c not in self.pairs]] = plain.numbers
        for place, (c, values) in enumerate(self.pairs.items(), len(self.flagged)):
            numbers[:, c] = values[plain.codes[:, place]]
        for place, c in enumerate(self.flagged):
            numbers[plain.codes[:, place] == 1, c] = np.nan
        return like.with_cells(numbers, plain.codes[:, len(self.flagged) + len(self.pairs) :])
