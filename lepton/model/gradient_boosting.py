"""Gradient-boosted trees: the reference that is not a network."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from threadpoolctl import threadpool_limits
from torch import Tensor

from lepton.compat import skops
from lepton.compat.sklearn import BOOSTING_TYPES, InvalidParameterError
from lepton.errors import ConfigError
from lepton.model.sklearn_models import MODEL_FILE, predict_task, read_skops, weighted_targets
from lepton.spec import DataSpec
from lepton.values.bounds import Above0, Above0To1, AtLeast1, NotBelow0

MAX_CATEGORIES = 255  # scikit-learn's limit; features with more count as ordered numbers


class GradientBoosting:
    """scikit-learn's histogram boosting, stopped by the validation split; one model a label.

    Predicts from the iteration of the lowest validation loss, as networks keep their best epoch.
    """

    reads = ("table",)
    weighs_rows = True

    def __init__(
        self,
        *,
        spec: DataSpec,
        learning_rate: Above0,
        max_iter: AtLeast1,
        max_leaf_nodes: AtLeast1,
        min_samples_leaf: AtLeast1,
        l2_regularization: NotBelow0,
        max_features: Above0To1,
        patience: AtLeast1,
        threads: AtLeast1 | None,
        seed: int,
    ):
        self.spec, self.threads = spec, threads
        self.models: list[BaseEstimator] = []
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
        """Trains on `train` until `val` has not improved for `patience` iterations.

        Shapes: weights (classes,); for multilabel (labels,), each on a label's positives.
        """
        x, x_val = feature_matrix(train), feature_matrix(val)
        self.models = []
        for learned, held in weighted_targets(train, val, weights, self.spec.task):
            with threadpool_limits(self.threads), _refused_values():
                model = self._fit_one(x, learned.y, learned.weight, x_val, held.y, held.weight)
            self.models.append(model)

    def predict(self, inputs: dict[str, Tensor]) -> Tensor:
        """Probabilities, or for regression values in the target's own unit.

        Shapes: binary and regression (N,), multiclass (N, K), multilabel (N, labels).
        """
        x = feature_matrix(inputs)
        return predict_task(
            self.spec,
            self.models,
            lambda model: best_stage(model, model.staged_predict(x)),
            lambda model: best_probabilities(model, x),
        )

    def save(self, folder: Path) -> None:
        """Writes the fitted models into a file without code."""
        skops.dump(self.models, folder / MODEL_FILE)

    def load(self, folder: Path) -> None:
        """Reads the fitted models from `save`'s file.

        Raises: LeptonError when the file holds what no fitted model does.
        """
        self.models = read_skops(folder / MODEL_FILE, BOOSTING_TYPES)

    def _fit_one(
        self,
        x: np.ndarray,
        y: np.ndarray,
        weight: np.ndarray | None,
        x_val: np.ndarray,
        y_val: np.ndarray,
        weight_val: np.ndarray | None,
    ) -> BaseEstimator:
        if self.spec.task == "regression":
            held = {"X_val": x_val, "y_val": y_val, "sample_weight_val": weight_val}
            return HistGradientBoostingRegressor(**self.settings).fit(
                x, y, sample_weight=weight, **held
            )
        if len(np.unique(y)) == 1:
            return DummyClassifier(strategy="prior").fit(x, y)
        scorable = np.isin(y_val, y)  # scikit-learn cannot score a class that it never saw
        return HistGradientBoostingClassifier(**self.settings).fit(
            x,
            y,
            sample_weight=weight,
            X_val=x_val[scorable],
            y_val=y_val[scorable],
            sample_weight_val=None if weight_val is None else weight_val[scorable],
        )


@contextmanager
def _refused_values() -> Iterator[None]:
    """Turns a refusal of scikit-learn, which checks values only when it fits, into ConfigError."""
    try:
        yield
    except InvalidParameterError as e:
        raise ConfigError(f"model: {' '.join(str(e).split())}") from e


def feature_matrix(batch: dict[str, Tensor]) -> np.ndarray:
    """Numbers, then codes, as one float matrix."""
    blocks = [batch[name].cpu().numpy() for name in ("num", "cat") if name in batch]
    return np.concatenate([block.astype(np.float64) for block in blocks], axis=1)


def best_stage(model: Any, stages: Iterable[np.ndarray]) -> np.ndarray:
    """The prediction of the stage after which the validation loss was lowest."""
    best = int(np.argmax(model.validation_score_[1:]))  # the first score is of no tree at all
    return next(islice(stages, best, None))


def best_probabilities(model: Any, x: np.ndarray) -> np.ndarray:
    """The probabilities of a classifier's best stage, or of one that knows a single class."""
    if len(model.classes_) == 1:
        return model.predict_proba(x)
    return best_stage(model, model.staged_predict_proba(x))
