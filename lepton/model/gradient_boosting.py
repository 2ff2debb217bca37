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
from lepton.model.fold_iterations import FoldIterations, Rows, mean_losses
from lepton.model.sklearn_models import (
    MODEL_FILE,
    WeightedTarget,
    predict_task,
    read_skops,
    weighted_targets,
)
from lepton.model.tree_features import remark_on_few_rows
from lepton.spec import DataSpec
from lepton.values.bounds import Above0, Above0To1, AtLeast1, NotBelow0

MAX_CATEGORIES = 255  # scikit-learn's limit; features with more count as ordered numbers


class GradientBoosting(FoldIterations):
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
        self.learned = train, weights
        self._fit(train, val, weights)

    @property
    def chooses(self) -> bool:
        return True

    def val_losses(self) -> list[float]:
        scores = [model.validation_score_[1:] for model in self.models if has_stages(model)]
        return [-score for score in mean_losses(scores)]

    def settle(self, iterations: int, folds: Sequence[Self]) -> None:
        self.settings |= {"max_iter": iterations}

    def fit_all(self, train: Rows, weights: Tensor | None) -> None:
        self._fit(train, None, weights)

    def _fit(self, train: Rows, val: Rows | None, weights: Tensor | None) -> None:
        x = feature_matrix(train)
        x_val = None if val is None else feature_matrix(val)
        remark_on_few_rows("model.min_samples_leaf", self.settings["min_samples_leaf"], len(x))
        self.models = []
        for learned, held in weighted_targets(train, val or train, weights, self.spec.task):
            with threadpool_limits(self.threads), _refused_values():
                self.models.append(self._fit_one(x, learned, x_val, held))

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
        self, x: np.ndarray, learned: WeightedTarget, x_val: np.ndarray | None, held: WeightedTarget
    ) -> BaseEstimator:
        if self.spec.task == "regression":
            kind, scorable = HistGradientBoostingRegressor, np.full(len(held.y), fill_value=True)
        else:
            if len(np.unique(learned.y)) == 1:
                return DummyClassifier(strategy="prior").fit(x, learned.y)
            kind = HistGradientBoostingClassifier
            scorable = np.isin(held.y, learned.y)  # it cannot score a class that it never saw
        weight = None if held.weight is None else held.weight[scorable]
        can_stop = x_val is not None and bool((scorable if weight is None else weight).any())
        settings, held_out = {**self.settings, "early_stopping": can_stop}, {}
        if x_val is not None and can_stop:
            held_out = {"X_val": x_val[scorable], "y_val": held.y[scorable]}
            held_out |= {"sample_weight_val": weight}
        return kind(**settings).fit(x, learned.y, sample_weight=learned.weight, **held_out)


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
