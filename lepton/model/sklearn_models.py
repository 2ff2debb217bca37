"""Shared by models of scikit-learn: targets, class weights, predictions, files without code."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lepton.spec import DataSpec
from lepton.storage.run_files import read_run_skops

MODEL_FILE = "model.skops"


def target_columns(target: Tensor) -> list[np.ndarray]:
    """The targets of the models to fit: one, or one for each label."""
    values = target.cpu().numpy()
    return [values] if values.ndim == 1 else list(values.T)


def weights_by_class(weights: Tensor, task: str, label: int) -> np.ndarray:
    """The class weights of one model, of which multilabel has one for each label.

    Shapes: weights (classes,), for multilabel (labels,) -> (classes,).
    """
    values = weights.double().cpu().numpy()
    return np.array([1.0, values[label]]) if task == "multilabel" else values


@dataclass(frozen=True)
class Sample:
    """Rows for one model, to learn from or to validate by, and how much each counts.

    Shapes: x (N, F), perhaps sparse, y (N,), weight (N,) or None.
    """

    x: Any
    y: np.ndarray
    weight: np.ndarray | None

    def scorable(self, learned: np.ndarray | None) -> "Sample | None":
        """The rows that a model can be validated by which has `learned` these classes, None for
        numbers; None where no such row weighs."""
        some = np.full(len(self.y), True) if learned is None else np.isin(self.y, learned)
        weight = None if self.weight is None else self.weight[some]
        if not (some if weight is None else weight).any():
            return None
        return Sample(self.x[some], self.y[some], weight)


def samples(x: Any, rows: dict[str, Any], weights: Tensor | None, task: str) -> list[Sample]:
    """A sample for each model to fit, one or for multilabel one a label.

    Shapes: x (N, F); weights (classes,), for multilabel (labels,).
    """
    made = []
    for label, y in enumerate(target_columns(rows["target"])):
        by_class = None if weights is None else weights_by_class(weights, task, label)
        made.append(Sample(x, y, weights_of_rows(rows, by_class, y)))
    return made


def weights_of_rows(
    rows: dict[str, Any], by_class: np.ndarray | None, y: np.ndarray
) -> np.ndarray | None:
    """The weight of each row times that of its class; None where neither is given.

    Shapes: by_class (classes,), y (N,) -> (N,).
    """
    own = rows["weight"].double().cpu().numpy() if "weight" in rows else None
    if by_class is None:
        return own
    of_class = by_class[y.astype(int)]
    return of_class if own is None else of_class * own


def predict_task(
    spec: DataSpec,
    models: Sequence[Any],
    predict: Callable[[Any], np.ndarray],
    predict_proba: Callable[[Any], np.ndarray],
) -> Tensor:
    """Probabilities, or for regression values in the target's own unit.

    Shapes: binary and regression (N,), multiclass (N, K), multilabel (N, labels).
    """
    if spec.task == "regression":
        predicted = predict(models[0])
    elif spec.task == "multiclass":
        predicted = _all_classes(models[0], predict_proba(models[0]), len(spec.classes))
    else:
        positive = [_all_classes(model, predict_proba(model), 2)[:, 1] for model in models]
        predicted = positive[0] if spec.task == "binary" else np.stack(positive, 1)
    values = torch.from_numpy(np.asarray(predicted))
    return values.double() if spec.is_target_far else values.float()


def _all_classes(model: Any, probabilities: np.ndarray, classes: int) -> np.ndarray:
    """Shapes: -> (N, classes), zero for a class that training did not hold."""
    all_classes = np.zeros((len(probabilities), classes))
    all_classes[:, model.classes_.astype(int)] = probabilities
    return all_classes


def read_skops(path: Path, trusted: Collection[str], *, kind: str = "fitted model") -> Any:
    """The content of a skops file that holds no other types than these, beside skops' own list.

    Raises: LeptonError when it holds another type.
    """
    return read_run_skops(
        path.parent,
        path.name,
        trusted,
        lambda types: (
            f"holds {types}, which no {kind} does; load only files that lepton has written"
        ),
    )
