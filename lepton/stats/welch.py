"""Two sets of runs of which no two make a pair, and what Welch's t-test says of their means."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import stdtr, stdtrit

from lepton.stats.pairs import SPLITS, filled


@dataclass(frozen=True)
class Unpaired:
    """What an option and a baseline scored, a value a unit.

    Shapes: `option` (n,), `baseline` (m,).
    """

    option: np.ndarray
    baseline: np.ndarray
    unit: str  # what a value is of: a setting, a run, a sample
    settings: tuple[str, ...]  # what else the two sides differ in

    @property
    def difference(self) -> tuple[float, float, float]:
        """Of the means, and its 95 % interval.

        Source: Welch 1947, https://doi.org/10.1093/biomet/34.1-2.28
        """
        gap, half = self._gap, stdtrit(self._freedom, 0.975) * self._error
        return gap, gap - half, gap + half

    @property
    def p(self) -> float:
        """Of Welch's two-sided test."""
        return float(2 * stdtr(self._freedom, -abs(self._gap) / self._error))

    @property
    def _gap(self) -> float:
        return float(self.option.mean() - self.baseline.mean())

    @property
    def _variances(self) -> np.ndarray:
        """Of both means."""
        return np.array([side.var(ddof=1) / len(side) for side in (self.option, self.baseline)])

    @property
    def _error(self) -> float:
        return float(np.sqrt(self._variances.sum()))

    @property
    def _freedom(self) -> float:
        sizes = np.array([len(self.option), len(self.baseline)])
        return float(self._variances.sum() ** 2 / (self._variances**2 / (sizes - 1)).sum())


def unpaired(
    part: pd.DataFrame, base: pd.DataFrame, metric: str, settings: list[str]
) -> Unpaired | None:
    """Both sides' runs, those of one setting averaged; None where a test would mean nothing.

    That is for fewer than two values a side, values that do not vary, and over several splits,
    whose test rows runs share.
    """
    both = pd.concat([part, base])
    if any(c in both and both[c].nunique() > 1 for c in SPLITS):
        return None
    differ = [c for c in settings if c in both and both[c].nunique() + both[c].isna().any() > 1]
    values = [_values(side, metric, differ) for side in (part, base)]
    if min(map(len, values)) < 2 or not sum(map(np.ptp, values)):
        return None
    return Unpaired(*values, "setting" if differ else "run", tuple(differ))


def _values(side: pd.DataFrame, metric: str, settings: list[str]) -> np.ndarray:
    known = side[side[metric].notna()]
    values = known[metric].astype(float)
    if settings and len(known):
        values = values.groupby([filled(known[c]) for c in settings]).mean()
    return values.to_numpy(float)
