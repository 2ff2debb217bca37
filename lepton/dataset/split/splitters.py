"""Ways to part rows in two: at random, by class, by group, by time."""

from typing import Protocol

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype, is_string_dtype
from sklearn.model_selection import (
    GroupKFold,
    GroupShuffleSplit,
    KFold,
    ShuffleSplit,
    StratifiedKFold,
    StratifiedShuffleSplit,
)

from lepton.dataset.clean import cell_parsing
from lepton.errors import DataError

Two = tuple[np.ndarray, np.ndarray]


class Cut(Protocol):
    """Parts `rows` into those kept and those held out, or into folds."""

    def units(self, rows: np.ndarray) -> int:
        """What a share is a share of: rows, or groups."""

    def hold_out(self, rows: np.ndarray, count: int, seed: int) -> Two:
        """Kept and held out rows, `count` units held out."""

    def fold(self, rows: np.ndarray, folds: int, fold: int, seed: int) -> Two:
        """Kept and held out rows of one fold of a k-fold."""


class ByRow:
    """Rows at random."""

    def units(self, rows: np.ndarray) -> int:
        return len(rows)

    def hold_out(self, rows: np.ndarray, count: int, seed: int) -> Two:
        if not 0 < count < len(rows):
            raise DataError(f"cannot hold out {count} of {len(rows)} rows; more rows are needed")
        return _nth(ShuffleSplit(1, test_size=count, random_state=seed), rows)

    def fold(self, rows: np.ndarray, folds: int, fold: int, seed: int) -> Two:
        if len(rows) < folds:
            raise DataError(f"dataset.folds={folds}: only {len(rows)} rows")
        return _nth(KFold(folds, shuffle=True, random_state=seed), rows, at=fold)


class ByClass(ByRow):
    """Rows at random, every class in the same share on both sides."""

    def __init__(self, labels: np.ndarray, classes: tuple[str, ...]):
        self.labels, self.classes = labels, classes

    def hold_out(self, rows: np.ndarray, count: int, seed: int) -> Two:
        self._require(rows, 2)
        if min(count, len(rows) - count) < len(self.classes):
            raise DataError(
                f"cannot hold out {count} of {len(rows)} rows with {len(self.classes)} classes on "
                "both sides; change the sizes, or set dataset.split=random"
            )
        cut = StratifiedShuffleSplit(1, test_size=count, random_state=seed)
        return _nth(cut, rows, y=self.labels[rows])

    def fold(self, rows: np.ndarray, folds: int, fold: int, seed: int) -> Two:
        self._require(rows, folds)
        cut = StratifiedKFold(folds, shuffle=True, random_state=seed)
        return _nth(cut, rows, y=self.labels[rows], at=fold)

    def _require(self, rows: np.ndarray, least: int) -> None:
        counts = np.bincount(self.labels[rows], minlength=len(self.classes))
        if counts.min() < least:
            raise DataError(
                f"class {self.classes[counts.argmin()]!r}: {counts.min()} rows to divide, and a "
                f"stratified split needs {least}; set dataset.split=random, or merge the class"
            )


class ByGroup:
    """Whole groups at random."""

    def __init__(self, values: pd.Series):
        self.groups = pd.factorize(values)[0]

    def units(self, rows: np.ndarray) -> int:
        return len(np.unique(self.groups[rows]))

    def hold_out(self, rows: np.ndarray, count: int, seed: int) -> Two:
        groups = self.units(rows)
        if not 0 < count < groups:
            raise DataError(
                f"cannot hold out {count} of {groups} groups; dataset.split_column has too few"
            )
        cut = GroupShuffleSplit(1, test_size=count, random_state=seed)
        return _nth(cut, rows, groups=self.groups[rows])

    def fold(self, rows: np.ndarray, folds: int, fold: int, seed: int) -> Two:
        if self.units(rows) < folds:
            raise DataError(f"dataset.folds={folds}: only {self.units(rows)} groups")
        cut = GroupKFold(folds, shuffle=True, random_state=seed)
        return _nth(cut, rows, groups=self.groups[rows], at=fold)


class ByTime(ByRow):
    """The last rows in time are held out; rows of one time stay together."""

    def __init__(self, values: pd.Series):
        self.times = values.to_numpy()

    def hold_out(self, rows: np.ndarray, count: int, seed: int) -> Two:
        times, count = self.times[rows], min(count, len(rows))
        held = times >= np.sort(times)[-count]
        if held.all():
            raise DataError(
                f"dataset.split=time: the last {count} of {len(rows)} rows share one time"
            )
        return rows[~held], rows[held]


def _nth(cut, rows: np.ndarray, *, y=None, groups=None, at: int = 0) -> Two:
    kept, held = list(cut.split(rows, y, groups))[at]
    return rows[kept], rows[held]


def times(column: pd.Series) -> pd.Series:
    """What orders a column in time: its numbers, or its dates; missing ones stay missing.

    Raises: DataError naming the first cell that is neither.
    """
    if is_numeric_dtype(column):
        return column
    words = cell_parsing.text(column) if is_string_dtype(column) else None
    if words is not None and cell_parsing.is_number(words.dropna()).all():
        return cell_parsing.numbers(column)
    return cell_parsing.dates(column)
