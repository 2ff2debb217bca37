"""Gradient-boosted trees: the reference that is not a network."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import numpy as np
import skops.io
import torch
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from threadpoolctl import threadpool_limits
from torch import Tensor

from lepton.compat.sklearn import BOOSTING_TYPES, InvalidParameterError
from lepton.errors import ConfigError, LeptonError
from lepton.spec import DataSpec

MAX_CATEGORIES = 255  # scikit-learn's limit; features with more count as ordered numbers


class GradientBoosting:
    """scikit-learn's histogram boosting, stopped by the validation split; one model a label.

    Predicts from the iteration of the lowest validation loss, as networks keep their best epoch.
    """

    def __init__(
        self,
        *,
        spec: DataSpec,
        learning_rate: float,
        max_iter: int,
        max_leaf_nodes: int,
        min_samples_leaf: int,
        l2_regularization: float,
        max_features: float,
        patience: int,
        threads: int | None,
        seed: int,
    ):
        self.spec, self.threads = spec, threads
        self.models: list = []
        self.settings = {
            "learning_rate": learning_rate,
            "max_iter": max_iter,
            "max_leaf_nodes": max_leaf_nodes,
            "min_samples_leaf": min_samples_leaf,
            "l2_regularization": l2_regularization,
            "max_features": max_features,
            "n_iter_no_change": patience,
            "early_stopping": True,
            "random_state": seed,
            "categorical_features": [False] * len(spec.num_features)
            + [count <= MAX_CATEGORIES for count in spec.cat_cardinalities],
        }

    def fit(
        self, train: dict[str, Tensor], val: dict[str, Tensor], weights: Tensor | None = None
    ) -> None:
        """Train on `train` until `val` has not improved for `patience` iterations.

        Shapes: weights (classes,); for multilabel (labels,), each on a label's positives.
        """
        x, x_val = features(train), features(val)
        columns = zip(columns_of(train["target"]), columns_of(val["target"]), strict=True)
        self.models = []
        for label, (y, y_val) in enumerate(columns):
            weight = weight_val = None
            if weights is not None:
                by_class = self._by_class(weights.double().cpu().numpy(), label)
                weight, weight_val = by_class[y.astype(int)], by_class[y_val.astype(int)]
            with threadpool_limits(self.threads), _refused():
                self.models.append(self._fit_one(x, y, weight, x_val, y_val, weight_val))

    def predict(self, inputs: dict[str, Tensor]) -> Tensor:
        """Probabilities, or for regression values in the target's own unit.

        Shapes: binary and regression (N,), multiclass (N, K), multilabel (N, labels).
        """
        x, task = features(inputs), self.spec.task
        if task == "regression":
            predicted = at_best(self.models[0], self.models[0].staged_predict(x))
        elif task == "multiclass":
            predicted = probabilities(self.models[0], x, len(self.spec.classes))
        else:
            positive = [probabilities(model, x, 2)[:, 1] for model in self.models]
            predicted = positive[0] if task == "binary" else np.stack(positive, 1)
        return torch.from_numpy(np.asarray(predicted)).float()

    def save(self, folder: Path) -> None:
        skops.io.dump(self.models, folder / "model.skops")

    def load(self, folder: Path) -> None:
        """Take the fitted models back from `save`'s file."""
        self.models = read_models(folder / "model.skops")

    def _fit_one(self, x, y, weight, x_val, y_val, weight_val):
        if self.spec.task == "regression":
            model = HistGradientBoostingRegressor(**self.settings)
            return model.fit(x, y, X_val=x_val, y_val=y_val)
        if len(np.unique(y)) == 1:
            return DummyClassifier(strategy="prior").fit(x, y)
        known = np.isin(y_val, y)  # scikit-learn cannot score a class that it never saw
        return HistGradientBoostingClassifier(**self.settings).fit(
            x,
            y,
            sample_weight=weight,
            X_val=x_val[known],
            y_val=y_val[known],
            sample_weight_val=None if weight_val is None else weight_val[known],
        )

    def _by_class(self, weights: np.ndarray, label: int) -> np.ndarray:
        return np.array([1.0, weights[label]]) if self.spec.task == "multilabel" else weights


def read_models(path: Path) -> list:
    """Fitted models, and numbers beside them, from a skops file.

    Raises: LeptonError when the file holds what no fitted model does.
    """
    foreign = set(skops.io.get_untrusted_types(file=path)) - BOOSTING_TYPES
    if foreign:
        raise LeptonError(
            f"{path}: holds {', '.join(sorted(foreign))}, which no fitted model does; load only "
            "files that lepton has written"
        )
    return skops.io.load(path, trusted=sorted(BOOSTING_TYPES))


@contextmanager
def _refused() -> Iterator[None]:
    """scikit-learn judges values only when it fits."""
    try:
        yield
    except InvalidParameterError as e:
        raise ConfigError(f"model: {' '.join(str(e).split())}") from e


def features(batch: dict[str, Tensor]) -> np.ndarray:
    """Numbers, then codes, as one float matrix."""
    parts = [batch[name].cpu().numpy() for name in ("num", "cat") if name in batch]
    return np.concatenate([part.astype(np.float64) for part in parts], axis=1)


def columns_of(target: Tensor) -> list[np.ndarray]:
    """The targets of the models to fit: one, or one for each label."""
    values = target.cpu().numpy()
    return [values] if values.ndim == 1 else list(values.T)


def at_best(model, stages) -> np.ndarray:
    """The stage after which the validation loss was lowest."""
    best = int(np.argmax(model.validation_score_[1:]))  # the first score is of no tree at all
    return next(islice(stages, best, None))


def probabilities(model, x: np.ndarray, classes: int) -> np.ndarray:
    """Shapes: (N, classes), zero for a class that training did not hold."""
    spread = np.zeros((len(x), classes))
    constant = len(model.classes_) == 1
    found = model.predict_proba(x) if constant else at_best(model, model.staged_predict_proba(x))
    spread[:, model.classes_.astype(int)] = found
    return spread
