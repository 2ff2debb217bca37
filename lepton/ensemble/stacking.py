"""A small model on the members' predictions."""

from pathlib import Path
from typing import Literal

import numpy as np
import skops.io
import torch
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from threadpoolctl import threadpool_limits
from torch import Tensor

from lepton.compat.sklearn import BOOSTING_TYPES
from lepton.ensemble.combiner import Combiner, Known, at_least, equal, log_odds
from lepton.errors import ConfigError
from lepton.model.sklearn_models import read_skops, target_columns

FILE = "stack.skops"


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
        c: float,
        trees: int,
        learning_rate: float,
        leaves: int,
    ):
        super().__init__(task=task)
        wrong = at_least(trees=(trees, 1), leaves=(leaves, 2))
        above = {"c": c, "learning_rate": learning_rate}
        wrong += [f"method.{k}: {v} is too small; above 0" for k, v in above.items() if v <= 0]
        if wrong:
            raise ConfigError(*wrong)
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

    def fit(self, known: Known) -> Tensor:
        if self.task == "regression":
            self.center = known.target.double().mean().item()
            self.scale = known.target.double().std(correction=0).item() or 1.0
        target = (known.target.double() - self.center) / self.scale
        with threadpool_limits(1):
            self.models = [
                self._model(y, known.seed).fit(x, y)
                for x, y in zip(
                    self._features(known.prediction), target_columns(target), strict=True
                )
            ]
        return self._shares(len(known.prediction))

    def combine(self, prediction: Tensor, weights: Tensor) -> Tensor:
        with threadpool_limits(1):
            found = [
                torch.from_numpy(self._predict(model, x, prediction.shape[-1]))
                for model, x in zip(self.models, self._features(prediction), strict=True)
            ]
        return torch.stack(found, -1) if self.task == "multilabel" else found[0]

    def save(self, folder: Path) -> None:
        skops.io.dump([*self.models, self.center, self.scale], folder / FILE)

    def load(self, folder: Path) -> None:
        *self.models, self.center, self.scale = read_skops(folder / FILE, BOOSTING_TYPES)

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
        regression = self.task == "regression"
        if not regression and len(np.unique(y)) == 1:
            return DummyClassifier(strategy="prior")
        if not self.linear:
            kind = HistGradientBoostingRegressor if regression else HistGradientBoostingClassifier
            return kind(**self.boosting, random_state=seed)
        return (
            Ridge(alpha=1 / self.c) if regression else LogisticRegression(C=self.c, max_iter=1000)
        )

    def _predict(self, model, x: np.ndarray, classes: int) -> np.ndarray:
        if self.task == "regression":
            return model.predict(x) * self.scale + self.center
        spread = np.zeros((len(x), classes if self.task == "multiclass" else 2))
        spread[:, model.classes_.astype(int)] = model.predict_proba(x)
        return spread if self.task == "multiclass" else spread[:, 1]

    def _shares(self, members: int) -> Tensor:
        linear = [m for m in self.models if hasattr(m, "coef_")]
        sizes = [np.abs(np.atleast_2d(m.coef_)).sum(0).reshape(members, -1).sum(1) for m in linear]
        total = sum(sizes, start=np.zeros(members))
        return torch.from_numpy(total / total.sum()) if total.any() else equal(members)
