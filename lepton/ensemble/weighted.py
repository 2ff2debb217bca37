"""The convex combination that fits the validation split best."""

import numpy as np
import torch
from scipy.optimize import minimize
from torch import Tensor

from lepton.ensemble.combiner import Combiner, Known, at_least, equal
from lepton.errors import ConfigError
from lepton.metric.scoring import METRICS

SETTLED = 1e-4  # weights below it are no more than the solver's own error


class Weighted(Combiner):
    """Non-negative weights of sum 1 that minimize log loss, or RMSE, by sequential programming.

    Both are convex in the weights, so the minimum found is the only one there is.
    """

    learns = True

    def __init__(self, *, task: str, penalty: float, max_iter: int, library: int):
        super().__init__(task=task)
        wrong = at_least(penalty=(penalty, 0), max_iter=(max_iter, 1), library=(library, 1))
        if wrong:
            raise ConfigError(*wrong)
        self.penalty, self.max_iter, self.library = penalty, max_iter, library

    def fit(self, known: Known) -> Tensor:
        weights = torch.zeros(len(known.prediction), dtype=torch.float64)
        tried = range(min(len(weights), self.library))
        weights[list(tried)] = self._fit(known.only(tried))
        return weights

    def _fit(self, known: Known) -> Tensor:
        count, start = len(known.prediction), equal(len(known.prediction)).numpy()
        unit = self._loss(start, known, 1.0)[0] or 1.0  # the solver's tolerance is absolute
        found = minimize(
            self._loss,
            start,
            args=(known, unit),
            jac=True,
            method="SLSQP",
            bounds=[(0, 1)] * count,
            constraints={"type": "eq", "fun": lambda w: w.sum() - 1, "jac": np.ones_like},
            options={"maxiter": self.max_iter, "ftol": 1e-10},
        )
        weights = np.where(found.x < SETTLED, 0, found.x)
        return torch.from_numpy(weights / weights.sum())

    def _loss(self, values: np.ndarray, known: Known, unit: float) -> tuple[float, np.ndarray]:
        """The loss and its gradient, of the very metric that scores, in units of its start."""
        weights = torch.tensor(values, requires_grad=True)
        target = known.target.double() if self.task == "regression" else known.target.long()
        metric = next(iter(METRICS[self.task].values()))
        loss = metric(self.combine(known.prediction, weights), target) / unit
        loss = loss + self.penalty * (weights - 1 / len(weights)).square().sum()
        loss.backward()
        return loss.item(), np.nan_to_num(weights.grad.numpy())  # RMSE has none at 0
