"""Folds of the training rows, for a run that has no validation split."""

import copy
from collections.abc import Iterator

import numpy as np
import torch

from lepton.compat.lightning import pl
from lepton.dataset.data import Data, Rows
from lepton.dataset.split.row_folds import row_folds
from lepton.errors import DataError

MOST_NAMED = 5  # classes or labels


def fold_positions(data: Data, count: int) -> list[np.ndarray]:
    """The positions of each fold's validation rows among the training rows, by class where rows
    have one.

    Raises: DataError for a class with a single row, where there are fewer than two rows or groups,
        and where all that weighs lies in one fold.
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
    folds = row_folds(
        target.numpy(), count, by_class=has_classes, groups=groups, seed=settings.seed
    )
    _refuse_weightless(data.splits["train"], folds)
    return folds


def _refuse_weightless(rows: Rows, folds: list[np.ndarray]) -> None:
    """Raises: DataError where a fold's other rows all have a weight of 0."""
    if "weight" not in rows:
        return
    weighs = rows["weight"].cpu().numpy() > 0
    if any(not weighs[others(len(weighs), held_out)].any() for held_out in folds):
        raise DataError(
            f"dataset.validation=inside: {int(weighs.sum())} of the {len(weighs)} training rows "
            "have a dataset.weight above 0, and all in one fold, which leaves nothing to learn "
            "from there; give more rows a weight, or take dataset.validation=outside"
        )


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


def unlearned_line(data: Data, folds: list[np.ndarray]) -> str | None:
    """A line that names the classes and labels whose rows all lie in one fold, or all rows but
    those of one fold: no learner that predicts these has seen such a row. None where there are
    none."""
    alone = [
        f"{int(these.sum())} {what}"
        for what, these in _kinds_of_rows(data)
        if any(these.sum() == these[held_out].sum() > 0 for held_out in folds)
    ]
    if not alone:
        return None
    named = alone[:MOST_NAMED]
    if len(alone) > MOST_NAMED:
        named.append(f"{len(alone) - MOST_NAMED} more such")
    return (
        "validation: rows that lie in one fold alone are predicted by what has learned no such "
        f"row: {', '.join(named)}"
    )


def _kinds_of_rows(data: Data) -> Iterator[tuple[str, np.ndarray]]:
    """Which rows are of each class, or have a label and have it not. Shapes: (rows,) bool."""
    target = data.splits["train"]["target"].cpu().numpy()
    for i, name in enumerate(data.spec.classes):
        if target.ndim == 1:
            yield f"of class {name!r}", target == i
        else:
            yield f"with label {name!r}", target[:, i] > 0
            yield f"without label {name!r}", target[:, i] == 0
