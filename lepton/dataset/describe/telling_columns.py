"""Columns of a table that alone give the target of rows that were not trained on: likely leaks."""

from collections.abc import Callable, Iterator
from math import log

import numpy as np
from torch import Tensor

from lepton.dataset.clean.cleaning_note import CleaningNote
from lepton.dataset.split.split_rows import held_out
from lepton.spec import DataSpec

SCREENED_ROWS = 2000  # of train, by which columns are chosen that are then looked at closely
TRIED_ROWS = 100_000  # of train, and of val and test, at a closer look
COLUMNS_AT_ONCE = 256
MAX_TRIED = 20
MAX_NAMED = 5
MAX_CHANGES = 0.1  # of class, a row, in the order of a number that gives the class
MAX_ROUGHNESS = 0.02  # of a target in the order of a number that gives it; 1 where it says nothing
RIGHT = 0.995  # share of rows, or of the variance, that a column gives
RIGHT_VARIANCE = 0.999
CHANCE = 1e-6  # that some column of the table gives the classes of so many rows by luck


def telling_column_notes(
    splits: dict[str, dict[str, Tensor]], spec: DataSpec
) -> list[CleaningNote]:
    """A note on the columns that each give the target of nearly all rows of val and test."""
    if spec.task not in ("binary", "multiclass", "regression") or not held_out(splits):
        return []
    target = _some(splits["train"]["target"], SCREENED_ROWS).astype(float)
    unseen = _both(splits, "target", None)
    columns = len(spec.num_features) + len(spec.cat_features)
    if spec.task == "regression":
        if len(unseen) < 10 or not np.std(unseen) or not np.std(target):
            return []
    else:
        _, counts = np.unique(_some(splits["train"]["target"], TRIED_ROWS), return_counts=True)
        if len(unseen) * log(counts.max() / counts.sum() or 1) > log(CHANCE / max(columns, 1)):
            return []
    telling = []
    for (name, kind, place), _ in zip(
        _candidates(splits, spec, target), range(MAX_TRIED), strict=False
    ):
        if _gives_target(splits, spec, kind, place):
            telling.append(name)
    if not telling:
        return []
    names = ", ".join(telling[:MAX_NAMED]) + (", ..." if len(telling) > MAX_NAMED else "")
    where, each = ("column", "") if len(telling) == 1 else ("columns", "each ")
    remark = f"{each}alone gives the target of val and test: is it known before the target is? rows"
    return [CleaningNote(remark, len(unseen), f"{where} {names}")]


def _candidates(
    splits: dict[str, dict[str, Tensor]], spec: DataSpec, target: np.ndarray
) -> Iterator[tuple[str, str, int]]:
    """Yields name, kind and place of each column in whose order the target changes seldom."""
    train, is_number = splits["train"], spec.task == "regression"
    for start in range(0, len(spec.num_features), COLUMNS_AT_ONCE):
        block = slice(start, start + COLUMNS_AT_ONCE)
        numbers = _some(train["num"], SCREENED_ROWS, block)
        ordered = target[np.argsort(numbers, axis=0, kind="stable")]
        steps = np.diff(ordered, axis=0)
        if is_number:
            is_telling = (steps**2).mean(axis=0) / (2 * target.var()) < MAX_ROUGHNESS
        else:
            is_telling = (steps != 0).mean(axis=0) < MAX_CHANGES
        is_telling &= np.ptp(numbers, axis=0) > 0
        for place in np.flatnonzero(is_telling) + start:
            yield spec.num_features[place], "num", int(place)
    for place, name in enumerate(spec.cat_features):
        codes = _some(train["cat"], SCREENED_ROWS, slice(place, place + 1))[:, 0]
        if _share_right(is_number, *_table_of(codes, target, is_number), codes, target) > 0.95:
            yield name, "cat", place


def _gives_target(
    splits: dict[str, dict[str, Tensor]], spec: DataSpec, kind: str, place: int
) -> bool:
    """True when what train says of a column's values holds in val and test."""
    is_number, column = spec.task == "regression", slice(place, place + 1)
    values = _some(splits["train"][kind], TRIED_ROWS, column)[:, 0]
    target = _some(splits["train"]["target"], TRIED_ROWS).astype(float)
    new_values, new_target = _both(splits, kind, column)[:, 0], _both(splits, "target", None)
    if kind == "num":
        predict = _tree(values, target, is_number)
        right = _rightness(predict(new_values), new_target, is_number)
    else:
        right = _share_right(
            is_number, *_table_of(values, target, is_number), new_values, new_target
        )
    if is_number:
        return right >= RIGHT_VARIANCE
    classes, counts = np.unique(target, return_counts=True)
    base = float((new_target == classes[counts.argmax()]).mean())
    return right >= RIGHT and 1 - right <= 0.1 * (1 - base)


def _table_of(codes: np.ndarray, target: np.ndarray, is_number: bool) -> tuple[np.ndarray, float]:
    """For each code the mean target, or the class that is most frequent; and that of all rows."""
    if is_number:
        counts = np.bincount(codes)
        means = np.bincount(codes, target) / np.maximum(counts, 1)
        return np.where(counts > 0, means, target.mean()), float(target.mean())
    classes, labels = np.unique(target, return_inverse=True)
    counts = np.zeros((codes.max() + 1, len(classes)))
    np.add.at(counts, (codes, labels), 1)
    frequent = float(classes[counts.sum(axis=0).argmax()])
    return np.where(counts.any(axis=1), classes[counts.argmax(axis=1)], frequent), frequent


def _share_right(
    is_number: bool, table: np.ndarray, other: float, codes: np.ndarray, target: np.ndarray
) -> float:
    """How right a table of codes is on these rows; a code that it does not hold has `other`."""
    predicted = np.append(table, other)[np.minimum(codes, len(table))]
    return _rightness(predicted, target, is_number)


def _rightness(predicted: np.ndarray, target: np.ndarray, is_number: bool) -> float:
    """The share of right classes, or of the variance explained."""
    if not is_number:
        return float((predicted == target).mean())
    return float(1 - ((predicted - target) ** 2).mean() / target.var())


def _tree(
    values: np.ndarray, target: np.ndarray, is_number: bool
) -> Callable[[np.ndarray], np.ndarray]:
    """Predicts the target by that of the nearest training values."""
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    tree = (DecisionTreeRegressor if is_number else DecisionTreeClassifier)(random_state=0)
    tree.fit(values[:, None], target)
    return lambda new_values: tree.predict(new_values[:, None])


def _both(splits: dict[str, dict[str, Tensor]], name: str, columns: slice | None) -> np.ndarray:
    """Values of rows of val and test."""
    parts = [_some(splits[split][name], TRIED_ROWS, columns) for split in held_out(splits)]
    values = np.concatenate(parts)
    return values.astype(float) if columns is None else values


def _some(values: Tensor, rows: int, columns: slice | None = None) -> np.ndarray:
    """Some rows, evenly spread, of a tensor that may lie on a disk."""
    step = -(-len(values) // rows)
    chosen = values[::step] if columns is None else values[::step, columns]
    return chosen.numpy()
