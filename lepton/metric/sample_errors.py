"""The error of each sample, by which slices and mistakes are told."""

from collections.abc import Callable

import numpy as np

from lepton.errors import LeptonError

ERRORS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "binary": lambda p, y: ((p > 0.5) != (y == 1)).astype(float),
    "regression": lambda p, y: np.abs(p - y),
    "multiclass": lambda p, y: (p.argmax(1) != y).astype(float),
    "multilabel": lambda p, y: ((p > 0.5) != (y == 1)).mean(1),
}


def require_sample_errors(task: str) -> None:
    """Raises: LeptonError for a task of which the error of a row is not known."""
    if task not in ERRORS:
        raise LeptonError(
            f"task {task}: what the error of a row is has not been said; of {', '.join(ERRORS)} "
            "it is known"
        )


def sample_errors(prediction: np.ndarray, target: np.ndarray, task: str) -> np.ndarray:
    """The error of each sample; its mean is called `error_name(task)`.

    Shapes: prediction (N,) or (N, classes), target (N,) or (N, labels) -> (N,).
    Units: 1 for a wrong class, the share of wrong labels, or the distance from the target.
    Raises: LeptonError for a task of which the error of a row is not known.
    """
    require_sample_errors(task)
    return ERRORS[task](prediction, target)


def error_name(task: str) -> str:
    """The name of the mean of `sample_errors`."""
    names = {"regression": "absolute error", "multilabel": "share of wrong labels"}
    return names.get(task, "share of wrong predictions")
