"""Row positions of train, val and test: split by the settings, and train subsampled."""

from collections.abc import Callable, Container
from math import ceil

import numpy as np
import pandas as pd

from lepton.dataset.split.split_settings import SplitSettings
from lepton.dataset.split.splitters import (
    GroupSplitter,
    RandomSplitter,
    Splitter,
    StratifiedSplitter,
    TimeSplitter,
)
from lepton.dataset.split.subsample import subsample
from lepton.errors import DataError

SPLIT_OF_WORD = dict.fromkeys(("train", "training"), "train") | {
    **dict.fromkeys(("val", "valid", "validation", "dev"), "val"),
    **dict.fromkeys(("test", "testing"), "test"),
}

SplitRows = dict[str, np.ndarray]  # row positions by the name of their split; test may lack


def held_out(splits: Container[str]) -> list[str]:
    """The splits that are not trained on, of those that there are."""
    return [name for name in ("val", "test") if name in splits]


def split_rows(
    settings: SplitSettings,
    *,
    file_rows: int,
    total_rows: int,
    has_test_file: bool,
    labels: np.ndarray | None,
    classes: tuple[str, ...],
    values: pd.Series | None,
    drop_rows: Callable[[SplitRows], SplitRows] | None = None,
    needs_classes: bool = True,
) -> SplitRows:
    """Sorted row positions of train, val and test, without those that `drop_rows` takes out.

    Where the settings ask for no test split, there is none; nor one of val where validation is
    inside of train, which then holds the rows of both.

    Shapes: the first `file_rows` of `total_rows` come from the data file, the others from a test
        file; labels (total_rows,) class indices, None where there are none; values (total_rows,),
        the split column. Without `needs_classes` some may be missing from train.
    Raises: DataError when a split would be empty, or a class missing from train.
    """
    if values is not None:
        assert settings.column is not None
        _refuse_missing(values.iloc[:file_rows], settings.column)
    if labels is not None and needs_classes:
        _refuse_class_missing_from_file(labels, file_rows, classes)
    if settings.strategy == "column":
        assert values is not None
        rows = _rows_by_word(settings, values)
    else:
        strata = labels
        if labels is not None and not needs_classes and _is_rare(labels[:file_rows], settings):
            strata = None
        splitter = _make_splitter(settings.strategy, file_rows, strata, classes, values)
        rows = _hold_out(settings, splitter, file_rows, total_rows, has_test_file)
    if settings.is_validated_inside and "val" in rows:
        rows["train"] = np.concatenate([rows["train"], rows.pop("val")])
    rows = {split: np.sort(positions) for split, positions in rows.items()}
    rows = drop_rows(rows) if drop_rows else rows
    _refuse_empty(rows)
    if labels is not None and needs_classes:
        _refuse_class_missing_from_train(rows, labels, classes)
    train = subsample(
        rows["train"],
        labels=labels,
        classes=classes,
        shots=settings.shots,
        fraction=settings.fraction,
        seed=settings.seed,
    )
    return rows | {"train": train}


def _refuse_missing(values: pd.Series, column: str) -> None:
    missing = values.isna().sum()
    if missing:
        raise DataError(
            f"dataset.split_column {column!r}: empty in {missing} rows; fill or drop them"
        )


def _make_splitter(
    strategy: str,
    file_rows: int,
    labels: np.ndarray | None,
    classes: tuple[str, ...],
    values: pd.Series | None,
) -> Splitter:
    if strategy == "group":
        return GroupSplitter(values)
    if strategy == "time":
        assert values is not None
        return TimeSplitter(values.iloc[:file_rows])
    if strategy == "stratified" and labels is not None:
        return StratifiedSplitter(labels, classes)
    return RandomSplitter()


def _is_rare(labels: np.ndarray, settings: SplitSettings) -> bool:
    """True where a class has too few rows to lie on all sides of a split."""
    needed = 2 * max(settings.folds or 2, settings.val_folds or 2)
    return bool(np.bincount(labels, minlength=2).min() < needed)


def _hold_out(
    settings: SplitSettings,
    splitter: Splitter,
    file_rows: int,
    total_rows: int,
    has_test_file: bool,
) -> SplitRows:
    """Test from the test file, a fold, or the splitter; then val from what is left."""
    rows, seed = np.arange(file_rows), settings.seed
    units = splitter.units(rows)
    if has_test_file:
        remaining, test = rows, np.arange(file_rows, total_rows)
    elif settings.folds is not None:
        assert settings.fold is not None
        _require_units(splitter, rows, "folds", settings.folds)
        remaining, test = splitter.fold(rows, settings.folds, settings.fold, seed)
    elif settings.test_size == 0:
        remaining, test = rows, None
    else:
        remaining, test = splitter.hold_out(rows, ceil(settings.test_size * units), seed)
    if settings.is_validated_inside:
        return {"train": remaining} | ({} if test is None else {"test": test})
    if settings.val_folds is None:
        train, val = splitter.hold_out(remaining, ceil(settings.val_size * units), seed)
    else:
        assert settings.val_fold is not None
        _require_units(splitter, remaining, "val_folds", settings.val_folds)
        train, val = splitter.fold(remaining, settings.val_folds, settings.val_fold, seed)
    return {"train": train, "val": val} | ({} if test is None else {"test": test})


def _require_units(splitter: Splitter, rows: np.ndarray, key: str, folds: int) -> None:
    if (units := splitter.units(rows)) < folds:
        raise DataError(f"dataset.{key}={folds}: only {units} {splitter.noun} to divide")


def _rows_by_word(settings: SplitSettings, values: pd.Series) -> SplitRows:
    """The rows of each split as a column names it."""
    splits = values.astype(str).str.strip().str.lower().map(SPLIT_OF_WORD)
    if splits.isna().any():
        value = str(values[splits.isna()].iloc[0])
        raise DataError(f"column {values.name!r}: {value!r} names no split; use train, val or test")
    names = ["train", "val", "test"]
    may_lack = {"test": settings.test_size == 0, "val": settings.is_validated_inside}
    for name, may in may_lack.items():
        if may and not (splits == name).any():
            names.remove(name)
    return {split: np.flatnonzero(splits == split) for split in names}


def _refuse_empty(rows: SplitRows) -> None:
    for split, positions in rows.items():
        if not len(positions):
            raise DataError(
                f"the {split} split is empty (rows: {_counts(rows)}); "
                "change dataset.split or its sizes"
            )


def _refuse_class_missing_from_file(
    labels: np.ndarray, file_rows: int, classes: tuple[str, ...]
) -> None:
    missing = np.flatnonzero(np.bincount(labels[:file_rows], minlength=len(classes)) == 0)
    if len(missing):
        total = (labels == missing[0]).sum()
        raise DataError(
            f"class {classes[missing[0]]!r}: stands in the test file ({total} rows) and not in the "
            "data file, so nothing can be learned of it; mend or drop its rows"
        )


def _refuse_class_missing_from_train(
    rows: SplitRows, labels: np.ndarray, classes: tuple[str, ...]
) -> None:
    missing = np.flatnonzero(np.bincount(labels[rows["train"]], minlength=len(classes)) == 0)
    if len(missing):
        total = (labels == missing[0]).sum()
        raise DataError(
            f"class {classes[missing[0]]!r}: none of its {total} rows is in the train split "
            f"(rows: {_counts(rows)}); set dataset.split=stratified, or drop the class"
        )


def _counts(rows: SplitRows) -> str:
    return ", ".join(f"{split} {len(positions)}" for split, positions in rows.items())
