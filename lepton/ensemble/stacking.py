"""A small model on the members' predictions."""

from pathlib import Path
from typing import Literal

import numpy as np
import torch
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from threadpoolctl import threadpool_limits
from torch import Tensor

from lepton.compat import skops
from lepton.compat.sklearn import BOOSTING_TYPES
from lepton.ensemble.combiner import (
    Combiner,
    ValidationPredictions,
    equal_weights,
    log_odds,
    minimum_problems,
)
from lepton.errors import ConfigError
from lepton.model.sklearn_models import read_skops, target_columns
from lepton.values.bounds import Above0, AtLeast1

MODELS_FILE = "stack.skops"


class Stacking(Combiner):
    """Logistic or ridge regression, or small boosted trees; a model a label.

    It learns from log-odds of probabilities, for regression from values in standard deviations
    of the target. The weights are the shares of the absolute coefficients, of trees equal ones.
    """

    learns = refits = True

    def __init__(
        self,
        *,
        task: str,
        model: Literal["linear", "boosted"],
        learns_from: Literal["val", "out_of_fold"],
        c: Above0,
        trees: AtLeast1,
        learning_rate: Above0,
        leaves: AtLeast1,
    ):
        super().__init__(task=task)
        problems = minimum_problems(trees=(trees, 1), leaves=(leaves, 2))
        positive = {"c": c, "learning_rate": learning_rate}
        problems += [
            f"method.{name}: {value} is too small; above 0"
            for name, value in positive.items()
            if value <= 0
        ]
        if problems:
            raise ConfigError(*problems)
        self.across_folds = learns_from == "out_of_fold"
        self.linear, self.c = model == "linear", c
        self.boosting = {
            "max_iter": trees,
            "learning_rate": learning_rate,
            "max_leaf_nodes": leaves,
            "early_stopping": False,
        }
        self.models: list = []
        self.center, self.scale = 0.0, 1.0

    def fit(self, validation: ValidationPredictions) -> Tensor:
        weight = None if validation.weight is None else validation.weight.numpy()
        if self.task == "regression":
            self.center, self.scale = _center_and_scale(validation.target.double(), weight)
        target = (validation.target.double() - self.center) / self.scale
        with threadpool_limits(1):
            features = self._features(validation.prediction)
            self.models = [
                self._model(y, validation.seed).fit(x, y, sample_weight=weight)
                for x, y in zip(features, target_columns(target), strict=True)
            ]
        return self._shares(len(validation.prediction))

    def combine(self, prediction: Tensor, weights: Tensor) -> Tensor:
        with threadpool_limits(1):
            columns = [
                torch.from_numpy(self._predict(model, x, prediction.shape[-1]))
                for model, x in zip(self.models, self._features(prediction), strict=True)
            ]
        return torch.stack(columns, -1) if self.task == "multilabel" else columns[0]

    def save(self, folder: Path) -> None:
        skops.dump([*self.models, self.center, self.scale], folder / MODELS_FILE)

    def load(self, folder: Path) -> None:
        *self.models, self.center, self.scale = read_skops(folder / MODELS_FILE, BOOSTING_TYPES)

    def _features(self, prediction: Tensor) -> list[np.ndarray]:
        """For each model its columns: the members' predictions, of all classes where they exclude.

        Shapes: (members, rows[, classes]) -> [(rows, members[ x classes])]
        """
        if self.task == "regression":
            return [((prediction - self.center) / self.scale).T.numpy()]
        odds = log_odds(prediction)
        if self.task == "multilabel":
            return [label.T.numpy() for label in odds.unbind(-1)]
        return [odds.transpose(0, 1).flatten(1).numpy()]

    def _model(self, y: np.ndarray, seed: int):
        """A model that is not fitted yet."""
        regression = self.task == "regression"
        if not regression and len(np.unique(y)) == 1:
            return DummyClassifier(strategy="prior")
        if not self.linear:
            model = HistGradientBoostingRegressor if regression else HistGradientBoostingClassifier
            return model(**self.boosting, random_state=seed)
        return (
            Ridge(alpha=1 / self.c) if regression else LogisticRegression(C=self.c, max_iter=1000)
        )

    def _predict(self, model, x: np.ndarray, classes: int) -> np.ndarray:
        """One model's predictions; classes that it never saw get probability 0."""
        if self.task == "regression":
            return model.predict(x) * self.scale + self.center
        probabilities = np.zeros((len(x), classes if self.task == "multiclass" else 2))
        probabilities[:, model.classes_.astype(int)] = model.predict_proba(x)
        return probabilities if self.task == "multiclass" else probabilities[:, 1]

    def _shares(self, members: int) -> Tensor:
        """The members' shares of the absolute coefficients. Shapes: -> (members,)."""
        linear = [m for m in self.models if hasattr(m, "coef_")]
        sizes = [np.abs(np.atleast_2d(m.coef_)).sum(0).reshape(members, -1).sum(1) for m in linear]
        total = sum(sizes, start=np.zeros(members))
        return torch.from_numpy(total / total.sum()) if total.any() else equal_weights(members)


def _center_and_scale(values: Tensor, weight: np.ndarray | None) -> tuple[float, float]:
    """The mean of values, and their standard deviation, by weights; 1 where they do not vary."""
    if weight is None:
        return values.mean().item(), values.std(correction=0).item() or 1.0
    center = np.average(values.numpy(), weights=weight)
    variance = np.average(np.square(values.numpy() - center), weights=weight)
    return float(center), float(np.sqrt(variance)) or 1.0
