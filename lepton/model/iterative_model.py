"""IterativeModel: the base of models that fit themselves by iterations, trees by trees."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Self

import numpy as np
from torch import Tensor

from lepton.storage.run_log import log_once

Rows = dict[str, Tensor]


class IterativeModel(ABC):
    """Models of which, where folds validate them, these choose the number of iterations.

    It is that of the lowest mean of the folds' validation losses, for all rows and for what
    predicts a fold: the best of every fold by itself would flatter these predictions.
    """

    history: list[dict[str, float]]
    best_epoch: int

    @property
    @abstractmethod
    def chooses(self) -> bool:
        """True where validation rows choose the iteration that predictions are of."""

    @abstractmethod
    def val_losses(self) -> list[float]:
        """The validation loss after each iteration of the last fit."""

    @abstractmethod
    def settle(self, iterations: int, folds: Sequence[Self]) -> None:
        """Takes so many iterations for the next fit, and what else the fits of folds have found."""

    @abstractmethod
    def fit_without_stopping(self, train: Rows, weights: Tensor | None) -> None:
        """Fits for all the iterations that are set, and validates none."""

    def fit_whole(self, train: Rows, weights: Tensor | None, folds: Sequence[Self]) -> None:
        """Fits `train` as long as is best for the rows that the fitted `folds` had not learned."""
        scored = [fold for fold in folds if fold.val_losses()]
        losses = mean_losses([fold.val_losses() for fold in scored])
        if self.chooses and losses:
            losses = losses[: int(np.argmin(losses)) + 1]
            self.settle(len(losses), scored)
        self.fit_without_stopping(train, weights)
        self.history = self.history or [{"epoch": epoch} for epoch in range(len(losses))]
        for row, loss in zip(self.history, losses, strict=False):
            row["val/loss"] = loss
        self.best_epoch = max(len(self.history) - 1, 0)


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


def remark_on_few_rows(key: str, of_a_leaf: int, rows: int) -> None:
    """Says where trees cannot split so few rows, and so predict one value."""
    if rows < 2 * of_a_leaf:
        log_once(
            f"{key}={of_a_leaf}: a split takes {2 * of_a_leaf} rows, of which training has fewer; "
            "the trees predict one value, lower the key"
        )
