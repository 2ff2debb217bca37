"""The convex combination that fits the validation split best."""

import numpy as np
import torch
from scipy.optimize import minimize
from torch import Tensor

from lepton.ensemble.combiner import (
    Combiner,
    ValidationPredictions,
    equal_weights,
    minimum_problems,
)
from lepton.errors import ConfigError
from lepton.metric.scoring import METRICS
from lepton.values.bounds import AtLeast1, NotBelow0

SOLVER_ERROR = 1e-4  # weights below it are taken for 0


class Weighted(Combiner):
    """Non-negative weights of sum 1 that minimize log loss, or RMSE, by sequential programming.

    Both are convex in the weights, so the minimum found is the only one there is.
    """

    learns = True

    def __init__(self, *, task: str, penalty: NotBelow0, max_iter: AtLeast1, library: AtLeast1):
        super().__init__(task=task)
        minima = {"penalty": (penalty, 0), "max_iter": (max_iter, 1), "library": (library, 1)}
        if problems := minimum_problems(**minima):
            raise ConfigError(*problems)
        self.penalty, self.max_iter, self.library = penalty, max_iter, library

    def fit(self, validation: ValidationPredictions) -> Tensor:
        weights = torch.zeros(len(validation.prediction), dtype=torch.float64)
        library = range(min(len(weights), self.library))
        weights[list(library)] = self._fit(validation.only(library))
        return weights

    def _fit(self, validation: ValidationPredictions) -> Tensor:
        count = len(validation.prediction)
        start = equal_weights(count).numpy()
        unit = self._loss(start, validation, 1.0)[0] or 1.0  # the solver's tolerance is absolute
        solution = minimize(
            self._loss,
            start,
            args=(validation, unit),
            jac=True,
            method="SLSQP",
            bounds=[(0, 1)] * count,
            constraints={"type": "eq", "fun": lambda w: w.sum() - 1, "jac": np.ones_like},
            options={"maxiter": self.max_iter, "ftol": 1e-10},
        )
        weights = np.where(solution.x < SOLVER_ERROR, 0, solution.x)
        return torch.from_numpy(weights / weights.sum())

    def _loss(
        self, values: np.ndarray, validation: ValidationPredictions, unit: float
    ) -> tuple[float, np.ndarray]:
        """The loss and its gradient, of the very metric that scores, in units of its start."""
        weights = torch.tensor(values, requires_grad=True)
        target = validation.target
        target = target.double() if self.task == "regression" else target.long()
        metric = next(iter(METRICS[self.task].values()))
        loss = metric(self.combine(validation.prediction, weights), target, validation.weight)
        loss = loss / unit
        loss = loss + self.penalty * (weights - 1 / len(weights)).square().sum()
        loss.backward()
        assert weights.grad is not None
        return loss.item(), np.nan_to_num(weights.grad.numpy())  # RMSE has none at 0
