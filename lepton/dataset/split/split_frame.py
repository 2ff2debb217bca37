"""Splits the rows of a table by its split column, and says what a test file has in common."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from lepton.dataset.clean.cleaning_note import CleaningNote
from lepton.dataset.clean.suggestion import suggestion
from lepton.dataset.clean.target import ONE_CLASS, Target
from lepton.dataset.read.raw_table import RawTable
from lepton.dataset.split.split_rows import SplitRows, split_rows
from lepton.dataset.split.split_settings import SplitSettings
from lepton.dataset.split.splitters import time_values
from lepton.errors import DataError


def split_frame(
    settings: SplitSettings,
    frame: pd.DataFrame | RawTable,
    file_rows: int,
    target: Target,
    drop_rows: Callable[[SplitRows], SplitRows] | None,
) -> tuple[SplitRows, list[CleaningNote]]:
    """Positions of train, val and test among the rows that have a target, and notes on them.

    The first `file_rows` rows are the data file's.
    """
    values, notes = None, []
    own_rows = int(target.kept_rows[:file_rows].sum())
    if settings.column is not None:
        values = _split_values(settings, frame)[target.kept_rows]
        notes = boundary_notes(settings, values, own_rows)
    is_one_class = target.task == ONE_CLASS

    def drop(rows: SplitRows) -> SplitRows:
        rows = drop_rows(rows) if drop_rows else rows
        return _train_on_one_class(rows, target, notes) if is_one_class else rows

    rows = split_rows(
        settings,
        file_rows=own_rows,
        total_rows=int(target.kept_rows.sum()),
        has_test_file=len(frame) > file_rows,
        labels=target.labels,
        classes=tuple(target.classes),
        values=values,
        drop_rows=drop,
        needs_classes=not is_one_class,
    )
    return rows, notes


def training_groups(
    settings: SplitSettings, frame: pd.DataFrame | RawTable, target: Target, train: np.ndarray
) -> np.ndarray | None:
    """The number of each training row's group; None where no folds of them keep groups together.

    Shapes: train (rows,) positions among the rows that have a target -> (rows,).
    """
    if settings.strategy != "group" or not settings.is_validated_inside:
        return None
    values = _split_values(settings, frame)[target.kept_rows]
    return pd.factorize(values.iloc[train])[0]


def _train_on_one_class(rows: SplitRows, target: Target, notes: list[CleaningNote]) -> SplitRows:
    """The rows of each split, those of train of the target's first class alone; adds to `notes`.

    Raises: DataError where train has none.
    """
    assert target.labels is not None
    (only, _), train = target.classes, rows["train"]
    is_other = target.labels[train] != 0
    if is_other.all():
        raise DataError(f"class {only!r}: none of its rows is in the train split")
    where = f"the train split, target {', '.join(target.columns)}"
    notes += [
        CleaningNote(f"rows of other classes than {only!r}, which alone is learned", n, where)
        for n in [int(is_other.sum())]
        if n
    ]
    return rows | {"train": train[~is_other]}


def _split_values(settings: SplitSettings, frame: pd.DataFrame | RawTable) -> pd.Series:
    """The split column of all rows.

    Raises: DataError where there is no such column.
    """
    column = str(settings.column)
    if column not in frame.columns:
        hint = suggestion(column, frame.columns)
        raise DataError(f"dataset.split_column={column}: no such column{hint}")
    return time_values(frame[column]) if settings.strategy == "time" else frame[column]


def boundary_notes(
    settings: SplitSettings, values: pd.Series, file_rows: int
) -> list[CleaningNote]:
    """Groups that stand in both files, and rows of the test file that are not later in time.

    Shapes: values (kept rows,), of the split column, the data file's first.
    """
    own, others = values.iloc[:file_rows].dropna(), values.iloc[file_rows:].dropna()
    if not len(own) or not len(others):
        return []
    where = f"the test file, dataset.split={settings.strategy}"
    if settings.strategy == "group":
        is_shared = others.isin(own).to_numpy()
        groups, shared = others.nunique(), others[is_shared].nunique()
        remark = f"rows of {shared} of its {groups} groups by {settings.column} that stand in the "
        remark += "data file too, so they are in train or val as well"
    elif settings.strategy == "time":
        last = own.max()
        is_shared = np.asarray(others <= last)
        remark = f"rows that are not later than the data file's last {settings.column} ({last})"
    else:
        return []
    return [CleaningNote(remark, int(is_shared.sum()), where)] if is_shared.any() else []
