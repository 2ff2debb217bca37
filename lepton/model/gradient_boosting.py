"""Gradient-boosted trees: the reference that is not a network."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from threadpoolctl import threadpool_limits
from torch import Tensor

from lepton.compat import skops
from lepton.compat.sklearn import BOOSTING_TYPES, InvalidParameterError
from lepton.errors import ConfigError
from lepton.model.iterative_model import (
    IterativeModel,
    Rows,
    mean_losses,
    remark_on_few_rows,
)
from lepton.model.sklearn_models import (
    MODEL_FILE,
    Sample,
    predict_task,
    read_skops,
    samples,
)
from lepton.spec import DataSpec
from lepton.values.bounds import Above0, Above0To1, AtLeast1, NotBelow0

MAX_CATEGORIES = 255  # scikit-learn's limit; features with more count as ordered numbers


class GradientBoosting(IterativeModel):
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
        self.history: list[dict[str, float]] = []
        self.best_epoch = 0
        self.settings = {
            "learning_rate": learning_rate,
            "max_iter": max_iter,
            "max_leaf_nodes": max_leaf_nodes,
            "min_samples_leaf": min_samples_leaf,
            "l2_regularization": l2_regularization,
            "max_features": max_features,
            "n_iter_no_change": patience,
            "random_state": seed,
            "categorical_features": [False] * len(spec.num_features)
            + [count <= MAX_CATEGORIES for count in spec.cat_cardinalities],
        }

    def fit(self, train: Rows, val: Rows, weights: Tensor | None = None) -> None:
        """Trains on `train` until `val` has not improved for `patience` iterations.

        Shapes: weights (classes,); for multilabel (labels,), each on a label's positives.
        """
        self._fit(train, val, weights)

    @property
    def chooses(self) -> bool:
        return True

    def val_losses(self) -> list[float]:
        scores = [model.validation_score_[1:] for model in self.models if has_stages(model)]
        return [-score for score in mean_losses(scores)]

    def settle(self, iterations: int, folds: Sequence[Self]) -> None:
        self.settings |= {"max_iter": iterations}

    def fit_without_stopping(self, train: Rows, weights: Tensor | None) -> None:
        self._fit(train, None, weights)

    def _fit(self, train: Rows, val: Rows | None, weights: Tensor | None) -> None:
        learned = samples(feature_matrix(train), train, weights, self.spec.task)
        held_out: Sequence[Sample | None] = [None] * len(learned)
        if val is not None:
            held_out = samples(feature_matrix(val), val, weights, self.spec.task)
        least = self.settings["min_samples_leaf"]
        remark_on_few_rows("model.min_samples_leaf", least, len(train["target"]))
        with threadpool_limits(self.threads), _refused_values():
            self.models = list(map(self._fit_one, learned, held_out))

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

    def _fit_one(self, learned: Sample, held_out: Sample | None) -> BaseEstimator:
        classes = None if self.spec.task == "regression" else np.unique(learned.y)
        if classes is not None and len(classes) == 1:
            return DummyClassifier(strategy="prior").fit(learned.x, learned.y)
        kind = HistGradientBoostingRegressor if classes is None else HistGradientBoostingClassifier
        val = held_out and held_out.scorable(classes)
        rows = {}
        if val is not None:
            rows = {"X_val": val.x, "y_val": val.y, "sample_weight_val": val.weight}
        model = kind(**self.settings, early_stopping=val is not None)
        return model.fit(learned.x, learned.y, sample_weight=learned.weight, **rows)


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


def has_stages(model: Any) -> bool:
    """True for a model that was stopped by a validation split, and scored after each stage."""
    return len(getattr(model, "validation_score_", ())) > 0


def best_stage(model: Any, stages: Iterable[np.ndarray]) -> np.ndarray:
    """The prediction of the stage after which the validation loss was lowest, or of the last."""
    best = model.n_iter_ - 1
    if has_stages(model):
        best = int(np.argmax(model.validation_score_[1:]))  # the first score is of no tree at all
    return next(islice(stages, best, None))


def best_probabilities(model: Any, x: np.ndarray) -> np.ndarray:
    """The probabilities of a classifier's best stage, or of one that knows a single class."""
    if len(model.classes_) == 1:
        return model.predict_proba(x)
    return best_stage(model, model.staged_predict_proba(x))
