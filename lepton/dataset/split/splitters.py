"""Splitters that hold out rows at random, by class, by group, or by time."""

from typing import Protocol

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype, is_string_dtype
from sklearn.model_selection import (
    BaseCrossValidator,
    BaseShuffleSplit,
    GroupKFold,
    GroupShuffleSplit,
    KFold,
    ShuffleSplit,
    StratifiedKFold,
    StratifiedShuffleSplit,
)

from lepton.dataset.clean import cell_parsing
from lepton.errors import DataError

RowPair = tuple[np.ndarray, np.ndarray]  # remaining and held-out rows


class Splitter(Protocol):
    """Splits `rows` into remaining and held-out ones."""

    noun: str  # what messages call the things that are held out whole

    def units(self, rows: np.ndarray) -> int:
        """The number of things that are held out whole: rows, or groups."""
        ...

    def hold_out(self, rows: np.ndarray, count: int, seed: int) -> RowPair:
        """Remaining and held-out rows, `count` units held out."""
        ...

    def fold(self, rows: np.ndarray, folds: int, fold: int, seed: int) -> RowPair:
        """Remaining and held-out rows of one fold of a k-fold."""
        ...


class RandomSplitter:
    """Holds out rows at random."""

    noun = "rows"

    def units(self, rows: np.ndarray) -> int:
        return len(rows)

    def hold_out(self, rows: np.ndarray, count: int, seed: int) -> RowPair:
        if not 0 < count < len(rows):
            raise DataError(f"cannot hold out {count} of {len(rows)} rows; more rows are needed")
        return _nth_split(ShuffleSplit(1, test_size=count, random_state=seed), rows)

    def fold(self, rows: np.ndarray, folds: int, fold: int, seed: int) -> RowPair:
        return _nth_split(KFold(folds, shuffle=True, random_state=seed), rows, index=fold)


class StratifiedSplitter(RandomSplitter):
    """Holds out rows at random, the same share of every class."""

    def __init__(self, labels: np.ndarray, classes: tuple[str, ...]):
        self.labels, self.classes = labels, classes

    def hold_out(self, rows: np.ndarray, count: int, seed: int) -> RowPair:
        self._require_rows_per_class(rows, 2)
        if min(count, len(rows) - count) < len(self.classes):
            raise DataError(
                f"cannot hold out {count} of {len(rows)} rows with {len(self.classes)} classes on "
                "both sides; change the sizes, or set dataset.split=random"
            )
        sampler = StratifiedShuffleSplit(1, test_size=count, random_state=seed)
        return _nth_split(sampler, rows, labels=self.labels[rows])

    def fold(self, rows: np.ndarray, folds: int, fold: int, seed: int) -> RowPair:
        self._require_rows_per_class(rows, folds)
        sampler = StratifiedKFold(folds, shuffle=True, random_state=seed)
        return _nth_split(sampler, rows, labels=self.labels[rows], index=fold)

    def _require_rows_per_class(self, rows: np.ndarray, minimum: int) -> None:
        counts = np.bincount(self.labels[rows], minlength=len(self.classes))
        if counts.min() < minimum:
            rows_of_it = f"{counts.min()} row{'s' if counts.min() != 1 else ''}"
            mend, others = "merge the class", ""
            if (small := int((counts < minimum).sum())) > 1:
                others = f", {small - 1} more of {len(counts)} classes have too few"
                mend = "merge classes, or take another dataset.target"
            raise DataError(
                f"class {self.classes[counts.argmin()]!r}: {rows_of_it} to divide{others}, and a "
                f"stratified split needs {minimum}; set dataset.split=random, or {mend}"
            )


class GroupSplitter:
    """Holds out whole groups at random."""

    noun = "groups"

    def __init__(self, values: pd.Series):
        self.groups = pd.factorize(values)[0]

    def units(self, rows: np.ndarray) -> int:
        return len(np.unique(self.groups[rows]))

    def hold_out(self, rows: np.ndarray, count: int, seed: int) -> RowPair:
        groups = self.units(rows)
        if not 0 < count < groups:
            raise DataError(
                f"cannot hold out {count} of {groups} groups; dataset.split_column has too few"
            )
        sampler = GroupShuffleSplit(1, test_size=count, random_state=seed)
        return _nth_split(sampler, rows, groups=self.groups[rows])

    def fold(self, rows: np.ndarray, folds: int, fold: int, seed: int) -> RowPair:
        sampler = GroupKFold(folds, shuffle=True, random_state=seed)
        return _nth_split(sampler, rows, groups=self.groups[rows], index=fold)


class TimeSplitter(RandomSplitter):
    """Holds out the last rows in time; rows of one time stay together."""

    def __init__(self, values: pd.Series):
        self.times = values.to_numpy()

    def hold_out(self, rows: np.ndarray, count: int, seed: int) -> RowPair:
        times, count = self.times[rows], min(count, len(rows))
        held_out = times >= np.sort(times)[-count]
        if held_out.all():
            raise DataError(
                f"dataset.split=time: the last {count} of {len(rows)} rows share one time"
            )
        return rows[~held_out], rows[held_out]


def _nth_split(
    sampler: BaseShuffleSplit | BaseCrossValidator,
    rows: np.ndarray,
    *,
    labels: np.ndarray | None = None,
    groups: np.ndarray | None = None,
    index: int = 0,
) -> RowPair:
    remaining, held_out = list(sampler.split(rows, labels, groups))[index]
    return rows[remaining], rows[held_out]


def time_values(column: pd.Series) -> pd.Series:
    """The numbers or dates that order a column in time; missing ones stay missing.

    Raises: DataError naming the first cell that is neither.
    """
    if is_numeric_dtype(column):
        return column
    texts = cell_parsing.to_text(column) if is_string_dtype(column) else None
    if texts is not None and cell_parsing.is_number(texts.dropna()).all():
        return cell_parsing.to_numbers(column)
    return cell_parsing.to_dates(column)
