"""Permutation importance of an input with its interval: what a score loses without the input."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import t

from lepton.stats.estimate import Estimate

GROUPS = 40  # of rows, each of which is left out once
ROUNDING = 1e-6  # of a score that is computed in 32 bits; a smaller difference is none
CONFIDENCE = 0.95
# of predictions for the rows at these positions; larger is better, NaN where it is undefined
Score = Callable[[np.ndarray, np.ndarray], float]


@dataclass(frozen=True)
class PermutationEstimate(Estimate):
    """What a score loses on average, and the standard deviation over repeats."""

    std: float


class PermutedScores:
    """Estimates what a score loses where rows get an input of other rows.

    The interval is the jackknife's over groups of rows. A row that is left out is so as a row that
    is scored and as one that gives its input to another; which others go with it is chance, whose
    part is taken off, and that of the permutations in the mean is added.
    Source: Breiman 2001, https://doi.org/10.1023/A:1010933404324; Kott 2001, The delete-a-group
        jackknife, Journal of Official Statistics 17
    """

    def __init__(
        self, score: Score, predictions: np.ndarray, donors: np.ndarray, *, seed: int
    ) -> None:
        """`predictions` are those of the rows as they are; `donors` the rows whose input each gets.

        Shapes: predictions (rows, ...), donors (repeats, rows).
        """
        rows = predictions.shape[0]
        groups = np.random.default_rng(seed).permutation(rows) % min(GROUPS, rows)
        self.score = score
        self.kept = [
            [np.flatnonzero((groups != group) & (groups[some] != group)) for some in donors]
            for group in range(min(GROUPS, rows))
        ]
        self.whole = score(predictions, np.arange(rows))
        self.without = np.array(
            [[score(predictions, rows) for rows in repeats] for repeats in self.kept]
        )

    def estimate(self, permuted: np.ndarray) -> PermutationEstimate:
        """The estimate for an input, of the predictions with what the donors gave.

        Shapes: permuted (repeats, rows, ...).
        """
        everyone = np.arange(permuted.shape[1])
        scores = [self.score(some, everyone) for some in permuted]
        left_scores = [
            [self.score(some, rows) for some, rows in zip(permuted, repeats, strict=True)]
            for repeats in self.kept
        ]
        losses = self._differences(self.whole, scores)
        left = self._differences(self.without, left_scores)
        (groups, repeats), means = left.shape, left.mean(1)
        spread, chance = np.square(means - means.mean()).sum(), 0.0
        if repeats > 1:  # of one permutation nobody knows how much is chance, and all is counted
            spread = max(spread - (left - losses).var(1, ddof=1).sum() / repeats, 0.0)
            chance = losses.var(ddof=1) / repeats
        error = np.sqrt((groups - 1) / groups * spread + chance)
        half = float(t.ppf((1 + CONFIDENCE) / 2, groups - 1) * error)
        value = float(losses.mean())
        return PermutationEstimate(value, value - half, value + half, float(losses.std()))

    def _differences(self, scores: np.ndarray | float, others: Any) -> np.ndarray:
        differences = scores - np.array(others)
        return np.where(np.abs(differences) < ROUNDING * abs(self.whole), 0, differences)
