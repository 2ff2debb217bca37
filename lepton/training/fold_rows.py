"""Folds of the training rows, for a run that has no validation split."""

import copy

import numpy as np
import torch

from lepton.compat.lightning import pl
from lepton.dataset.data import Data, Rows
from lepton.dataset.split.row_folds import row_folds
from lepton.errors import DataError


def fold_positions(data: Data, count: int) -> list[np.ndarray]:
    """The positions of each fold's validation rows among the training rows, by class where rows
    have one.

    Raises: DataError for a class with a single row, and where there are fewer than two rows or
        groups.
    """
    target = data.splits["train"]["target"].cpu()
    rows, settings, divided = len(target), data.split_settings, "which folds cannot divide"
    groups = data.groups if settings.strategy == "group" else None
    advice = "take 2 at least, or dataset.validation=outside"
    if groups is not None and len(np.unique(groups)) < 2:
        raise DataError(
            f"dataset.validation=inside: the {rows} rows in the train split are one group, "
            f"{divided}; {advice}"
        )
    has_classes = target.ndim == 1 and bool(data.spec.classes)
    if has_classes:
        counts = torch.bincount(target.long(), minlength=len(data.spec.classes))
        if counts.min() < 2:
            name = data.spec.classes[int(counts.argmin())]
            raise DataError(
                f"dataset.validation=inside: class {name!r} has {int(counts.min())} row in the "
                f"train split, {divided}; {advice}"
            )
    elif rows < 2:
        raise DataError(f"dataset.validation=inside: {rows} row in the train split; 2 at least")
    return row_folds(target.numpy(), count, by_class=has_classes, groups=groups, seed=settings.seed)


def fold_data(data: Data, held_out: np.ndarray) -> Data:
    """The data whose validation rows are these of the training rows, and which have no test."""
    part = copy.copy(data)
    pl.LightningDataModule.__init__(part)
    rows = data.splits["train"]
    learned = others(len(rows["id"]), held_out)
    part.groups = None if data.groups is None else data.groups[learned]
    part.splits = {
        "train": rows_at(rows, learned),
        "val": data.weights.held_out(rows_at(rows, held_out)),
    }
    return part


def others(rows: int, held_out: np.ndarray) -> np.ndarray:
    """The positions among so many rows that are not held out, in order."""
    return np.setdiff1d(np.arange(rows), held_out)


def rows_at(rows: Rows, positions: np.ndarray) -> Rows:
    """The rows at these positions."""
    return {name: values[positions.tolist()] for name, values in rows.items()}
