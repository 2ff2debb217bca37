"""The stored predictions of a finished run, with the errors and losses of its samples."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lepton.errors import LeptonError
from lepton.metric.sample_errors import error_name, sample_errors
from lepton.spec import DataSpec
from lepton.storage.predictions import (
    PredictionColumns,
    column_values,
    predictions_file,
    read_predictions_frame,
    weights_in,
)
from lepton.storage.results import require_test_split
from lepton.storage.run_folder import SPEC_FILE

SHOWN_TASKS = ("binary", "multiclass", "multilabel", "regression")
MIN_PROBABILITY = 1e-7  # keeps the log-likelihood finite


@dataclass(frozen=True)
class Predictions:
    """The predictions of a run for one split, beside the targets.

    Shapes: ids (N,); target (N,) or (N, labels); prediction (N,) or (N, classes); weight (N,), how
        much each sample counts, or None.
    """

    ids: np.ndarray
    target: np.ndarray
    prediction: np.ndarray
    spec: DataSpec
    weight: np.ndarray | None = None

    @property
    def counts(self) -> np.ndarray:
        """How much each sample counts: 1, or its weight. Shapes: -> (N,)."""
        return np.ones(len(self.ids)) if self.weight is None else self.weight

    @property
    def mean_error(self) -> float:
        """The mean of `errors`, by weights."""
        return float(np.average(self.errors, weights=self.weight))

    @property
    def positive_share(self) -> float:
        """The share of the second of two classes, by weights."""
        return float(np.average(self.target, weights=self.weight))

    @property
    def errors(self) -> np.ndarray:
        """The error of each sample."""
        return sample_errors(self.prediction, self.target, self.spec.task)

    @property
    def losses(self) -> np.ndarray:
        """The loss of each sample, which orders mistakes: negative log-likelihood or distance."""
        if self.spec.task == "regression":
            return self.errors
        p = np.clip(self.prediction.astype(float), MIN_PROBABILITY, 1 - MIN_PROBABILITY)
        if self.spec.task == "multiclass":
            return -np.log(p[np.arange(len(p)), self.target.astype(int)])
        log_losses = -np.where(self.target == 1, np.log(p), np.log1p(-p))
        return log_losses.mean(1) if log_losses.ndim > 1 else log_losses

    def worst(self, most: int) -> np.ndarray:
        """The positions of the samples with the largest losses that are mistakes, worst first."""
        largest_loss_first = np.argsort(-self.losses, kind="stable")
        return largest_loss_first[self.errors[largest_loss_first] > 0][:most]

    def described(self, i: int) -> tuple[str, str]:
        """The target and the prediction of a sample in words, classes by their names."""
        target, prediction, spec = self.target[i], self.prediction[i], self.spec
        if spec.task == "regression":
            return f"{target:.5g}", f"{prediction:.5g}"
        if spec.task == "binary":
            return spec.classes[int(target)], f"{spec.classes[1]} {prediction:.3f}"
        if spec.task == "multiclass":
            true, predicted = (
                f"{spec.classes[c]} {prediction[c]:.3f}"
                for c in (int(target), int(prediction.argmax()))
            )
            return true, predicted
        true = [name for name, label in zip(spec.classes, target, strict=True) if label]
        predicted = [name for name, p in zip(spec.classes, prediction, strict=True) if p > 0.5]
        return ", ".join(true) or "none", ", ".join(predicted) or "none"

    @property
    def error_name(self) -> str:
        """The name of the mean of `errors`."""
        return error_name(self.spec.task)


def read_sample_predictions(run_folder: Path, split: str = "test") -> Predictions:
    """Reads the stored predictions of a run.

    Raises: LeptonError when they are not there or cannot be read, or are of another kind.
    """
    path = predictions_file(run_folder, split)
    require_test_split(run_folder, "what is told of its mistakes")
    try:
        spec = DataSpec.load(run_folder / SPEC_FILE)
        frame = read_predictions_frame(run_folder, split)
        if (weight := weights_in(frame)) is not None:
            frame = frame[weight > 0]
        columns = PredictionColumns.found_in(frame)
        ids, values = frame["id"].to_numpy(), column_values(frame, columns.prediction)
        targets = column_values(frame, columns.target)
        if not _are_shown(values, spec):
            raise LeptonError(
                f"{run_folder}: predictions of classes, labels and quantities alone are shown, and "
                "its task predicts something else"
            )
        if not columns.target:
            raise KeyError("target")
        predictions = Predictions(ids, targets, values, spec, weights_in(frame))
        if not len(frame) or not np.isfinite(predictions.prediction.astype(float)).all():
            raise ValueError("not a number for every sample")
        return predictions
    except (OSError, KeyError, ValueError, TypeError, IndexError) as e:
        raise LeptonError(f"{path}: cannot be read ({' '.join(str(e).split())})") from None


def _are_shown(prediction: np.ndarray, spec: DataSpec) -> bool:
    """True for predictions of classes, labels or a quantity."""
    columns = {"binary": (), "regression": ()}.get(spec.task, (len(spec.classes),))
    return spec.task in SHOWN_TASKS and prediction.shape[1:] == columns
