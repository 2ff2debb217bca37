"""Scores of two sets of runs of which no two make a pair, and Welch's t-test of their means."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import stdtr, stdtrit

from lepton.stats.pairs import interval_level
from lepton.stats.repetitions import MIN_UNITS, SPLIT_KEYS, value_texts


@dataclass(frozen=True)
class UnpairedScores:
    """Scores of an option and of a baseline, a value for each unit.

    Shapes: `option` (n,), `baseline` (m,).
    """

    option: np.ndarray
    baseline: np.ndarray
    unit: str  # what a value is of: a setting, a run, a sample
    settings: tuple[str, ...]  # keys of other settings in which the two sides differ

    def interval(self, *, picked_of: int = 1) -> tuple[float, float, float]:
        """The difference of the means, and its 95 % interval: (difference, low, high).

        `picked_of`: as in `interval_level`.
        Source: Welch 1947, https://doi.org/10.1093/biomet/34.1-2.28
        """
        quantile = (1 + interval_level(picked_of)) / 2
        half_width = stdtrit(self._degrees_of_freedom, quantile) * self._standard_error
        difference = self._difference
        return difference, difference - half_width, difference + half_width

    @property
    def p(self) -> float:
        """The p-value of Welch's two-sided test."""
        t = abs(self._difference) / self._standard_error
        return float(2 * stdtr(self._degrees_of_freedom, -t))

    @property
    def _difference(self) -> float:
        return float(self.option.mean() - self.baseline.mean())

    @property
    def _variances_of_means(self) -> np.ndarray:
        """Shapes: (2,), of option and baseline."""
        return np.array([side.var(ddof=1) / len(side) for side in (self.option, self.baseline)])

    @property
    def _standard_error(self) -> float:
        return float(np.sqrt(self._variances_of_means.sum()))

    @property
    def _degrees_of_freedom(self) -> float:
        variances = self._variances_of_means
        sizes = np.array([len(self.option), len(self.baseline)])
        return float(variances.sum() ** 2 / (variances**2 / (sizes - 1)).sum())


def unpaired_scores(
    runs: pd.DataFrame, base: pd.DataFrame, metric: str, settings: list[str]
) -> UnpairedScores | None:
    """The scores of both sides' runs, those of one setting averaged; None where a test would mean
    nothing.

    That is for fewer than MIN_UNITS values a side, values that do not vary, and over several
    splits, whose test rows runs share.
    """
    both = pd.concat([runs, base])
    if any(key in both and both[key].nunique() > 1 for key in SPLIT_KEYS):
        return None
    differing = [
        key for key in settings if key in both and both[key].nunique() + both[key].isna().any() > 1
    ]
    option, baseline = (_scores(side, metric, differing) for side in (runs, base))
    sides = (option, baseline)
    if min(map(len, sides)) < MIN_UNITS or not sum(map(np.ptp, sides)):
        return None
    unit = "setting" if differing else "run"
    return UnpairedScores(option, baseline, unit, settings=tuple(differing))


def _scores(runs: pd.DataFrame, metric: str, settings: list[str]) -> np.ndarray:
    """The metric of each run, or its mean for each combination of `settings`."""
    scored = runs[runs[metric].notna()]
    scores = scored[metric].astype(float)
    if settings and len(scored):
        scores = scores.groupby([value_texts(scored[key]) for key in settings]).mean()
    return scores.to_numpy(float)
