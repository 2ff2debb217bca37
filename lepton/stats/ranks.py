"""Options compared over several data sets: ranks, wins, Friedman's test, Nemenyi's difference.

Source: Demsar 2006, https://jmlr.org/papers/v7/demsar06a.html
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Ranks:
    """Average ranks over data sets, 1 is best; what differs by less than `difference` may not.

    Columns: of `wins`: option, wins, ties, losses, against the baseline.
    """

    mean: dict[str, float]
    datasets: int
    chi2: float
    p: float  # of Iman and Davenport's F
    difference: float  # Nemenyi's critical difference at 5 %
    wins: pd.DataFrame

    @property
    def cliques(self) -> list[list[str]]:
        """Groups of options, as large as can be, whose ranks lie within the critical difference."""
        order = sorted(self.mean, key=self.mean.get)
        found = []
        for i, first in enumerate(order):
            near = [o for o in order[i:] if self.mean[o] - self.mean[first] < self.difference]
            if len(near) > 1 and not any(set(near) <= set(other) for other in found):
                found.append(near)
        return found


def ranks(scores: pd.DataFrame, baseline: str) -> Ranks:
    """Of a table with a row a data set and a column an option; larger is better.

    Data sets that lack an option are left out. Equal scores share their ranks' mean.
    """
    from scipy.stats import rankdata, studentized_range

    scores = scores.dropna()
    n, k = scores.shape
    order = rankdata(-scores.to_numpy(float), axis=1)
    mean = order.mean(0) if n else np.full(k, np.nan)
    chi2, p = friedman(mean, n) if n > 1 and k > 2 else (np.nan, np.nan)
    q = studentized_range.ppf(0.95, k, np.inf) / np.sqrt(2) if k > 1 else np.nan
    gaps = scores.sub(scores[baseline], axis=0)
    wins = pd.DataFrame(
        {"option": o, "wins": (g > 0).sum(), "ties": (g == 0).sum(), "losses": (g < 0).sum()}
        for o, g in gaps.items()
        if o != baseline
    )
    difference = float(q * np.sqrt(k * (k + 1) / (6 * n))) if n else np.nan
    return Ranks(dict(zip(scores, mean, strict=True)), n, chi2, p, difference, wins)


def friedman(mean: np.ndarray, n: int) -> tuple[float, float]:
    """Friedman's chi-square of mean ranks over n data sets, and p of Iman and Davenport's F."""
    from scipy.stats import f

    k = len(mean)
    chi2 = 12 * n / (k * (k + 1)) * (np.square(mean).sum() - k * (k + 1) ** 2 / 4)
    rest = n * (k - 1) - chi2
    if rest <= 1e-9:
        return float(chi2), 0.0
    return float(chi2), float(f.sf((n - 1) * chi2 / rest, k - 1, (k - 1) * (n - 1)))
