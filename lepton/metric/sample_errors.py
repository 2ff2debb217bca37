"""The error of each sample, by which slices and mistakes are told."""

import numpy as np

from lepton.errors import LeptonError


def sample_errors(prediction: np.ndarray, target: np.ndarray, task: str) -> np.ndarray:
    """The error of each sample; its mean is called `error_name(task)`.

    Shapes: prediction (N,) or (N, classes), target (N,) or (N, labels) -> (N,).
    Units: 1 for a wrong class, the share of wrong labels, or the distance from the target.
    Raises: LeptonError for a task of which the error of a row is not known.
    """
    match task:
        case "binary":
            return ((prediction > 0.5) != (target == 1)).astype(float)
        case "regression":
            return np.abs(prediction - target)
        case "multiclass":
            return (prediction.argmax(1) != target).astype(float)
        case "multilabel":
            return ((prediction > 0.5) != (target == 1)).mean(1)
    raise LeptonError(f"task {task}: what the error of a row is has not been said")


def error_name(task: str) -> str:
    """The name of the mean of `sample_errors`."""
    names = {"regression": "absolute error", "multilabel": "share of wrong labels"}
    return names.get(task, "share of wrong predictions")
