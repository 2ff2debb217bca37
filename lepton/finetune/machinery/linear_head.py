"""Linear heads that scikit-learn fits to features, as weights for the features as they are."""

import warnings
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits
from torch import Tensor

from lepton.finetune.machinery.head_probe import MIN_RELATIVE_DEVIATION
from lepton.task import Task

Weights: TypeAlias = np.ndarray | None  # of the training rows
UNSEEN_LOGIT = 10.0  # by which a head to learn on has it that what no row had is unlikely


@dataclass(frozen=True)
class LinearHead:
    """A linear head, whose outputs are logits as the task's, or values of a regression.

    Shapes: weight (outputs, D), bias (outputs,). A class that no row had has a bias of -inf; so has
        a label that no row had, and one that all rows had a bias of inf.
    """

    weight: np.ndarray
    bias: np.ndarray

    def predict(self, features: np.ndarray, task: Task) -> Tensor:
        """Predictions as the task's. Shapes: features (rows, D)."""
        outputs = torch.from_numpy(features @ self.weight.T + self.bias)
        if task.name == "regression":
            return outputs[:, 0] if task.spec.is_target_far else outputs[:, 0].float()
        if task.name == "multilabel":
            return outputs.sigmoid().float()
        return (
            outputs[:, 0].sigmoid().float() if task.name == "binary" else outputs.softmax(1).float()
        )

    def to_learn_on(self, task: Task) -> "LinearHead":
        """The same head, in which what no row had is unlikely and not impossible."""
        weight, bias, seen = self.weight.copy(), self.bias.copy(), np.isfinite(self.bias)
        if task.name == "multiclass":  # where a logit counts beside the others
            weight[~seen], bias[~seen] = weight[seen].mean(0), bias[seen].mean() - UNSEEN_LOGIT
        else:
            bias[~seen] = np.sign(bias[~seen]) * UNSEEN_LOGIT
        return LinearHead(weight, bias)


class TrainingFeatures:
    """Features of training rows in the coordinates in which heads are fitted to them: of mean 0 and
    deviation 1, but for those that hardly vary, or as they are; and only the directions that the
    rows span.

    The weights of a head with a squared penalty lie in these directions.
    Shapes: features (rows, D), y (rows,) or (rows, labels).
    """

    def __init__(self, features: np.ndarray, y: np.ndarray, weight: Weights, *, standardize: bool):
        scaler = StandardScaler(with_mean=standardize, with_std=standardize).fit(features)
        if standardize:
            deviation = np.sqrt(scaler.var_)
            scaler.scale_[deviation <= MIN_RELATIVE_DEVIATION * deviation.max()] = 1.0
        self.rows = scaler.transform(features)
        columns = features.shape[1]
        self.mean = scaler.mean_ if standardize else np.zeros(columns)
        self.scale = scaler.scale_ if standardize else np.ones(columns)
        self.basis: np.ndarray | None = None
        if len(features) < columns:
            self.basis = np.linalg.svd(self.rows, full_matrices=False)[2].T
            self.rows = self.rows @ self.basis
        self.y, self.weight = y, weight

    def head(self, task: Task, strength: float, iterations: int) -> LinearHead:
        """The head with this inverse penalty."""
        with threadpool_limits(1), warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            weight, bias = self._fit(task, strength, iterations)
        weight = (weight if self.basis is None else weight @ self.basis.T) / self.scale
        return LinearHead(weight, bias - weight @ self.mean)

    def _fit(self, task: Task, strength: float, iterations: int) -> tuple[np.ndarray, np.ndarray]:
        if task.name == "regression":
            ridge = Ridge(1 / strength).fit(self.rows, self.y, self.weight)
            return ridge.coef_[None], np.array([ridge.intercept_])
        regression = LogisticRegression(C=strength, max_iter=iterations)
        if task.name == "multilabel":
            fitted = [self._of_classes(regression, y, 2) for y in self.y.T]
            return np.concatenate([w for w, _ in fitted]), np.concatenate([b for _, b in fitted])
        return self._of_classes(regression, self.y, len(task.spec.classes))

    def _of_classes(
        self, regression: LogisticRegression, y: np.ndarray, classes: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Weight and bias of each class, of two the second one's alone."""
        present, outputs = np.unique(y).astype(int), 1 if classes == 2 else classes
        weight = np.zeros((outputs, self.rows.shape[1]))
        bias = np.full(outputs, -np.inf)
        if len(present) == 1:
            if outputs > 1:
                bias[present] = 0.0
            elif present[0] == 1:
                bias[0] = np.inf
            return weight, bias
        regression.fit(self.rows, y, self.weight)
        if outputs == 1:
            return regression.coef_, regression.intercept_
        if len(present) == 2:  # the second one's logit, where the first one's is 0
            weight[present[1]], bias[present] = regression.coef_[0], [0.0, regression.intercept_[0]]
        else:
            weight[present], bias[present] = regression.coef_, regression.intercept_
        return weight, bias
