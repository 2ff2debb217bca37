"""Folds of the training rows, for a run that has no validation split."""

import copy

import numpy as np
import torch
from sklearn.model_selection import GroupKFold, KFold, StratifiedGroupKFold, StratifiedKFold

from lepton.compat.lightning import pl
from lepton.dataset.data import Data, Rows
from lepton.errors import DataError


def fold_positions(data: Data, count: int) -> list[np.ndarray]:
    """The positions of each fold's validation rows among the training rows, by class where rows
    have one.

    Raises: DataError for a class with a single row, and where there are fewer than two rows or
        groups.
    """
    target = data.splits["train"]["target"].cpu()
    settings = data.split_settings
    rows, shuffle = len(target), {"shuffle": True, "random_state": settings.seed}
    groups = data.groups if settings.strategy == "group" else None
    count = count if groups is None else min(count, len(np.unique(groups)))
    if count < 2:
        raise DataError(
            f"dataset.validation=inside: the {rows} rows in the train split are one group, which "
            "folds cannot divide; take 2 at least, or dataset.validation=outside"
        )
    if target.ndim == 1 and data.spec.classes:
        counts = torch.bincount(target.long(), minlength=len(data.spec.classes))
        if counts.min() < 2:
            name = data.spec.classes[int(counts.argmin())]
            raise DataError(
                f"dataset.validation=inside: class {name!r} has {int(counts.min())} row in the "
                "train split, which folds cannot divide; take 2 at least, or "
                "dataset.validation=outside"
            )
        stratified = StratifiedKFold if groups is None else StratifiedGroupKFold
        splitter = stratified(min(count, int(counts.min())), **shuffle)
        parts = splitter.split(np.zeros(rows), target.numpy(), groups)
    elif rows < 2:
        raise DataError(f"dataset.validation=inside: {rows} row in the train split; 2 at least")
    else:
        plain = KFold if groups is None else GroupKFold
        parts = plain(min(count, rows), **shuffle).split(np.zeros(rows), groups=groups)
    return [np.sort(held_out) for _, held_out in parts]


def fold_data(data: Data, held_out: np.ndarray) -> Data:
    """The data whose validation rows are these of the training rows, and which have no test."""
    part = copy.copy(data)
    pl.LightningDataModule.__init__(part)
    rows = data.splits["train"]
    learned = others(len(rows["id"]), held_out)
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
