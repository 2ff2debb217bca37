"""Options compared over several data sets: ranks, wins, Friedman's test, Nemenyi's difference.

Source: Demsar 2006, https://jmlr.org/papers/v7/demsar06a.html
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Ranks:
    """Average ranks of options over data sets, 1 is best; ranks that differ by less than
    `critical_difference` are not told apart.

    Columns: of `wins`: option, wins, ties, losses, against the baseline.
    """

    mean: dict[str, float]  # rank by option
    datasets: int
    chi2: float
    p: float  # of Iman and Davenport's F
    critical_difference: float  # Nemenyi's at 5 %
    wins: pd.DataFrame

    @property
    def order(self) -> list[str]:
        """The options from the best rank to the worst."""
        return sorted(self.mean, key=lambda option: self.mean[option])

    @property
    def cliques(self) -> list[list[str]]:
        """Groups of options, as large as can be, whose ranks lie within the critical difference."""
        order = self.order
        cliques = []
        for i, first in enumerate(order):
            near = [
                option
                for option in order[i:]
                if self.mean[option] - self.mean[first] < self.critical_difference
            ]
            if len(near) > 1 and not any(set(near) <= set(clique) for clique in cliques):
                cliques.append(near)
        return cliques


def rank_options(scores: pd.DataFrame, baseline: str) -> Ranks:
    """The ranks of a table with a row for each data set and a column for each option; larger
    scores are better.

    Data sets that lack an option are left out. Equal scores share their ranks' mean.
    """
    from scipy.stats import rankdata, studentized_range

    scores = scores.dropna()
    n, k = scores.shape
    ranks = rankdata(-scores.to_numpy(float), axis=1)
    mean_ranks = ranks.mean(0) if n else np.full(k, np.nan)
    chi2, p = friedman_test(mean_ranks, n) if n > 1 and k > 2 else (np.nan, np.nan)
    q = studentized_range.ppf(0.95, k, np.inf) / np.sqrt(2) if k > 1 else np.nan
    gaps = scores.sub(scores[baseline], axis=0)
    wins = pd.DataFrame(
        {
            "option": option,
            "wins": (gap > 0).sum(),
            "ties": (gap == 0).sum(),
            "losses": (gap < 0).sum(),
        }
        for option, gap in gaps.items()
        if option != baseline
    )
    return Ranks(
        mean=dict(zip(scores, mean_ranks, strict=True)),
        datasets=n,
        chi2=chi2,
        p=p,
        critical_difference=float(q * np.sqrt(k * (k + 1) / (6 * n))) if n else np.nan,
        wins=wins,
    )


def friedman_test(mean_ranks: np.ndarray, n: int) -> tuple[float, float]:
    """Friedman's chi-square of mean ranks over n data sets, and p of Iman and Davenport's F."""
    from scipy.stats import f

    k = len(mean_ranks)
    chi2 = 12 * n / (k * (k + 1)) * (np.square(mean_ranks).sum() - k * (k + 1) ** 2 / 4)
    denominator = n * (k - 1) - chi2
    if denominator <= 1e-9:
        return float(chi2), 0.0
    return float(chi2), float(f.sf((n - 1) * chi2 / denominator, k - 1, (k - 1) * (n - 1)))
