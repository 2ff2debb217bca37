"""How many iterations a model learns for that is validated by folds of its training rows."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Self

import numpy as np
from torch import Tensor

Rows = dict[str, Tensor]


class FoldIterations(ABC):
    """Models that learn by iterations, of which those fitted to folds choose the number.

    It is that of the lowest mean of their validation losses, and each of them learns as long anew:
    the best of every fold by itself would flatter what they predict of the rows left out.
    """

    learned: tuple[Rows, Tensor | None]  # rows and weights of the last `fit`
    history: list[dict[str, float]]

    @property
    @abstractmethod
    def chooses(self) -> bool:
        """True where validation rows choose the iteration that predictions are of."""

    @abstractmethod
    def val_losses(self) -> list[float]:
        """The validation loss after each iteration of the last `fit`."""

    @abstractmethod
    def settle(self, iterations: int, folds: Sequence[Self]) -> None:
        """Takes so many iterations for the next fit, and what else the fits of folds have found."""

    @abstractmethod
    def fit_all(self, train: Rows, weights: Tensor | None) -> None:
        """Fits for all the iterations that are set; no rows stop it."""

    def fit_whole(self, train: Rows, weights: Tensor | None, folds: Sequence[Self]) -> None:
        """Fits all rows as long as is best for the rows that `folds` were not fitted to."""
        losses = mean_losses([fold.val_losses() for fold in folds])
        if self.chooses and losses:
            for model in (*folds, self):
                model.settle(int(np.argmin(losses)) + 1, folds)
            for fold in folds:
                fold.fit_all(*fold.learned)
        self.fit_all(train, weights)
        for row, loss in zip(self.history, losses, strict=False):
            row["val/loss"] = loss


def mean_losses(losses: Sequence[Sequence[float]]) -> list[float]:
    """The mean after each iteration; one that has stopped counts with its last.

    >>> mean_losses([[2.0, 1.0], [4.0], []])
    [3.0, 2.5]
    """
    known = [values for values in losses if len(values)]
    lasting = max(map(len, known), default=0)
    return [
        float(np.mean([values[min(i, len(values) - 1)] for values in known]))
        for i in range(lasting)
    ]
