"""Shared by models of scikit-learn: targets, class weights, predictions, files without code."""

from collections.abc import Callable, Collection, Iterator, Sequence
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
class WeightedTarget:
    """The targets of rows for one model, and how much each row counts. Shapes: (N,)."""

    y: np.ndarray
    weight: np.ndarray | None


def weighted_targets(
    train: dict[str, Any], val: dict[str, Any], weights: Tensor | None, task: str
) -> Iterator[tuple[WeightedTarget, WeightedTarget]]:
    """Yields, for each model to fit, the targets of train and of val.

    Shapes: weights (classes,), for multilabel (labels,).
    """
    targets = zip(target_columns(train["target"]), target_columns(val["target"]), strict=True)
    for label, (y, y_val) in enumerate(targets):
        by_class = None if weights is None else weights_by_class(weights, task, label)
        yield (
            WeightedTarget(y, weights_of_rows(train, by_class, y)),
            WeightedTarget(y_val, weights_of_rows(val, by_class, y_val)),
        )


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
