"""Which rows train, which choose the best epoch, which are kept for the test."""

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil

import numpy as np
import pandas as pd

from lepton.dataset.split.splitters import ByClass, ByGroup, ByRow, ByTime, Cut
from lepton.dataset.split.subsample import few
from lepton.errors import ConfigError, DataError

NAMES = {"train": "train", "training": "train", "test": "test", "testing": "test"} | dict.fromkeys(
    ("val", "valid", "validation", "dev"), "val"
)

Parts = dict[str, np.ndarray]  # row positions by the name of their split


@dataclass(frozen=True, kw_only=True)
class Splitting:
    """How rows are divided into train, val and test; every random choice comes from `seed`.

    Units: sizes are shares of the data file's rows, for `how=group` of its groups.
    """

    how: str  # stratified, random, group, time or column
    column: str | None
    val_size: float
    test_size: float
    seed: int
    folds: int | None
    fold: int | None
    shots: int | None
    fraction: float

    def check(self, test_file: bool) -> None:
        """Raises: ConfigError with everything that does not go together."""
        wanted = self.how in ("group", "time", "column")
        problems = [*self._size_problems(test_file), *self._fold_problems(test_file)]
        if wanted and self.column is None:
            problems.append(f"dataset.split={self.how} needs dataset.split_column")
        if self.column is not None and not wanted:
            problems.append(
                f"dataset.split_column={self.column} is not used by dataset.split={self.how}; "
                "set dataset.split to group, time or column"
            )
        if self.how == "column" and test_file:
            problems.append("dataset.split=column names the test rows; leave out the test file")
        problems += self._few_problems()
        if not 0 <= self.seed < 2**32:
            problems.append(f"dataset.split_seed={self.seed}: from 0 to {2**32 - 1}")
        if problems:
            raise ConfigError(*problems)

    def rows(
        self,
        *,
        own: int,
        total: int,
        labels: np.ndarray | None,
        classes: tuple[str, ...],
        values: pd.Series | None,
        clean: Callable[[Parts], Parts] | None = None,
    ) -> Parts:
        """Sorted row positions of train, val and test, without those that `clean` takes out.

        Shapes: the first `own` of `total` rows come from the data file, the others from a test
            file; labels (total,) class indices, None where there are none; values (total,), the
            split column.
        Raises: DataError when a split would be empty, or a class missing from train.
        """
        if values is not None and values.iloc[:own].isna().any():
            count = values.iloc[:own].isna().sum()
            raise DataError(
                f"dataset.split_column {self.column!r}: empty in {count} rows; fill or drop them"
            )
        if self.how == "column":
            parts = _by_name(values)
        else:
            parts = self._divide(own, total, self._cut(own, labels, classes, values))
        parts = {name: np.sort(rows) for name, rows in parts.items()}
        parts = clean(parts) if clean else parts
        _require_all(parts, labels, classes)
        drawn = {"shots": self.shots, "fraction": self.fraction, "seed": self.seed}
        return parts | {"train": few(parts["train"], labels=labels, classes=classes, **drawn)}

    def _cut(self, own: int, labels, classes, values) -> Cut:
        if self.how == "group":
            return ByGroup(values)
        if self.how == "time":
            return ByTime(values.iloc[:own])
        if self.how == "stratified" and labels is not None:
            return ByClass(labels, classes)
        return ByRow()

    def _divide(self, own: int, total: int, cut: Cut) -> Parts:
        rows = np.arange(own)
        units = cut.units(rows)
        if total > own:
            rest, test = rows, np.arange(own, total)
        elif self.folds is not None:
            rest, test = cut.fold(rows, self.folds, self.fold, self.seed)
        else:
            rest, test = cut.hold_out(rows, ceil(self.test_size * units), self.seed)
        train, val = cut.hold_out(rest, ceil(self.val_size * units), self.seed)
        return {"train": train, "val": val, "test": test}

    def _size_problems(self, test_file: bool) -> list[str]:
        if self.how == "column":
            return []
        sizes = {"val_size": self.val_size}
        if not test_file and self.folds is None:
            sizes["test_size"] = self.test_size
        problems = [
            f"dataset.{name}={size}: give a share of the rows, between 0 and 1"
            for name, size in sizes.items()
            if not 0 < size < 1
        ]
        if not problems and sum(sizes.values()) >= 1:
            text = " and ".join(f"dataset.{name}={size}" for name, size in sizes.items())
            problems.append(f"{text} leave no row to train on")
        return problems

    def _few_problems(self) -> list[str]:
        problems = []
        if self.shots is not None and self.shots < 1:
            problems.append(f"dataset.shots={self.shots}: rows of each class; at least 1")
        if not 0 < self.fraction <= 1:
            problems.append(f"dataset.fraction={self.fraction}: a share, above 0 and at most 1")
        if self.shots is not None and self.fraction != 1:
            problems.append("dataset.shots and dataset.fraction shrink the train split; set one")
        return problems

    def _fold_problems(self, test_file: bool) -> list[str]:
        if self.folds is None:
            lone = self.fold is not None
            return (
                [f"dataset.fold={self.fold} needs dataset.folds, the number of folds"]
                if lone
                else []
            )
        if self.folds < 2:
            return [f"dataset.folds={self.folds}: at least 2"]
        if self.how in ("time", "column"):
            return [f"dataset.folds={self.folds} cannot go with dataset.split={self.how}"]
        if test_file:
            return [f"dataset.folds={self.folds} cannot go with a test file of its own"]
        if self.fold is None or not 0 <= self.fold < self.folds:
            return [
                f"dataset.fold={self.fold}: with dataset.folds={self.folds}, 0 to {self.folds - 1}"
            ]
        return []


def _by_name(values: pd.Series) -> Parts:
    names = values.astype(str).str.strip().str.lower().map(NAMES)
    if names.isna().any():
        wrong = values[names.isna()].iloc[0]
        raise DataError(
            f"column {values.name!r}: {str(wrong)!r} names no split; use train, val or test"
        )
    return {part: np.flatnonzero(names == part) for part in ("train", "val", "test")}


def _require_all(parts: Parts, labels, classes) -> None:
    counts = ", ".join(f"{name} {len(rows)}" for name, rows in parts.items())
    for name, rows in parts.items():
        if not len(rows):
            raise DataError(
                f"the {name} split is empty (rows: {counts}); change dataset.split or its sizes"
            )
    if labels is None:
        return
    everywhere = np.bincount(labels, minlength=len(classes))
    absent = np.flatnonzero(np.bincount(labels[parts["train"]], minlength=len(classes)) == 0)
    if len(absent):
        raise DataError(
            f"class {classes[absent[0]]!r}: none of its {everywhere[absent[0]]} rows is in the "
            f"train split (rows: {counts}); set dataset.split=stratified, or drop the class"
        )
