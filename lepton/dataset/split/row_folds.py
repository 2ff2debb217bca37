"""Folds of the rows that are trained on, by class and by group where rows have these."""

import numpy as np
from sklearn.model_selection import GroupKFold, KFold, StratifiedGroupKFold, StratifiedKFold


def row_folds(
    target: np.ndarray, count: int, *, by_class: bool, groups: np.ndarray | None, seed: int
) -> list[np.ndarray]:
    """The sorted positions of each fold's held out rows; fewer folds where there are fewer rows,
    rows of a class, or groups.

    Shapes: target (rows,) or (rows, labels), groups (rows,), whose rows stay together.
    """
    fewest = int(np.unique(target, return_counts=True)[1].min()) if by_class else 0
    is_by_class = fewest > 1  # else a class lies in one fold alone
    count = min(count, fewest if is_by_class else len(target))
    if groups is not None:
        count = min(count, len(np.unique(groups)))
    if groups is None:
        made = StratifiedKFold if is_by_class else KFold
    else:
        made = StratifiedGroupKFold if is_by_class else GroupKFold
    splitter = made(count, shuffle=True, random_state=seed)
    labels = target if is_by_class else np.zeros(len(target))
    parts = splitter.split(np.zeros(len(target)), labels, groups)
    return [np.sort(held_out) for _, held_out in parts if len(held_out)]
