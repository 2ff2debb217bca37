"""A subsample of the training rows: some of each class, or a share; a larger holds a smaller."""

import numpy as np

from lepton.errors import DataError
from lepton.values.counted import counted


def subsample(
    rows: np.ndarray,
    *,
    labels: np.ndarray | None,
    classes: tuple[str, ...],
    shots: int | None,
    fraction: float,
    seed: int,
) -> np.ndarray:
    """Sorted positions drawn from `rows`: `shots` of every class, or `fraction` of every class.

    Shapes: labels (total,) class indices, None where there are none; a share is then of all rows.
    Raises: DataError when there are no classes to take shots of, or a class has fewer rows.
    """
    if shots is None and fraction == 1:
        return rows
    if shots is not None and labels is None:
        raise DataError(
            f"dataset.shots={shots}: this target has no classes to take rows of; "
            "dataset.fraction takes a share of all"
        )
    shuffled = np.random.default_rng(seed).permutation(rows)
    row_labels = np.zeros(len(shuffled), dtype=int) if labels is None else labels[shuffled]
    counts = np.bincount(row_labels)
    if shots is not None and counts.min() < shots:
        raise DataError(
            f"dataset.shots={shots}: class {classes[counts.argmin()]!r} has "
            f"{counted(counts.min(), 'row') or 'no row'} in the train split; take fewer"
        )
    sizes = [shots or max(1, round(fraction * count)) for count in counts]
    drawn = [shuffled[row_labels == label][:size] for label, size in enumerate(sizes)]
    return np.sort(np.concatenate(drawn))
