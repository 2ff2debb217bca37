"""Options compared over several data sets: ranks, wins, Friedman's test, Nemenyi's difference.

Source: Demsar 2006, https://jmlr.org/papers/v7/demsar06a.html
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd

LEVEL = 0.05
ORDERS = 9999  # random ones, of which few data sets have their p-values
MAX_RANKS = 400  # that are put into random orders; more are as good as endless


@dataclass(frozen=True)
class Ranks:
    """Average ranks of options over data sets, 1 is best; ranks that differ by less than
    `critical_difference` are not told apart.

    Columns: of `wins`: option, wins, ties, losses, against the baseline.
    """

    mean: dict[str, float]  # rank by option
    datasets: int
    chi2: float
    p: float  # of the test that is named
    test: (
        str  # Iman and Davenport's F; random orders of few data sets; of two options the sign test
    )
    critical_difference: float  # Nemenyi's at 5 %, or more where chance reaches that too often
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
    from scipy.stats import rankdata

    scores = scores.dropna()
    n, k = scores.shape
    ranks = rankdata(-scores.to_numpy(float), axis=1)
    mean_ranks = ranks.mean(0) if n else np.full(k, np.nan)
    chi2, p, test = _test(ranks) if n > 1 and k > 1 else (np.nan, np.nan, "")
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
        test=test,
        critical_difference=critical_difference(n, k) if n and k > 1 else np.nan,
        wins=wins,
    )


def _test(ranks: np.ndarray) -> tuple[float, float, str]:
    """Friedman's chi-square, the p-value of no difference between options, and its test's name.

    Shapes: ranks (data sets, options).
    """
    from scipy.stats import binomtest

    n, k = ranks.shape
    chi2, p = friedman_test(ranks.mean(0), n)
    if k == 2:
        wins, losses = (
            int((ranks[:, 0] < ranks[:, 1]).sum()),
            int((ranks[:, 0] > ranks[:, 1]).sum()),
        )
        return (
            chi2,
            float(binomtest(wins, wins + losses).pvalue) if wins + losses else 1.0,
            "sign test",
        )
    if n * k > MAX_RANKS:
        return chi2, p, "Iman and Davenport's F"
    squares = np.square(_mean_ranks_of_random_orders(ranks)).sum(1)
    larger = (squares >= np.square(ranks.mean(0)).sum() - 1e-9).sum()
    return chi2, float((1 + larger) / (1 + ORDERS)), "random orders"


def _mean_ranks_of_random_orders(ranks: np.ndarray) -> np.ndarray:
    """The mean ranks of options where those of each data set stand in a random order.

    Shapes: ranks (data sets, options) -> (ORDERS, options).
    """
    generator, sums = np.random.default_rng(0), np.zeros((ORDERS, ranks.shape[1]))
    for row in ranks:
        sums += generator.permuted(np.tile(row, (ORDERS, 1)), axis=1)
    return sums / len(ranks)


@cache
def critical_difference(n: int, k: int) -> float:
    """Nemenyi's critical difference of k options over n data sets.

    It holds for many data sets. Where, of fewer, random orders reach it too often, it is half a
    step below the first difference that they reach in 5 % of the cases at most.
    """
    from scipy.stats import studentized_range

    nemenyi = float(
        studentized_range.ppf(1 - LEVEL, k, np.inf) / np.sqrt(2) * np.sqrt(k * (k + 1) / (6 * n))
    )
    if n * k > MAX_RANKS:
        return nemenyi
    ranges = np.ptp(_mean_ranks_of_random_orders(np.tile(np.arange(1.0, k + 1), (n, 1))), axis=1)
    if (ranges >= nemenyi).mean() <= LEVEL:
        return nemenyi
    steps = np.arange(1, n * (k - 1) + 2) / n  # the last is out of reach
    chances = np.array([(ranges >= step - 1e-9).mean() for step in steps])
    return float(steps[chances <= LEVEL][0] - 0.5 / n)


def friedman_test(mean_ranks: np.ndarray, n: int) -> tuple[float, float]:
    """Friedman's chi-square of mean ranks over n data sets, and p of Iman and Davenport's F."""
    from scipy.stats import f

    k = len(mean_ranks)
    chi2 = 12 * n / (k * (k + 1)) * (np.square(mean_ranks).sum() - k * (k + 1) ** 2 / 4)
    denominator = n * (k - 1) - chi2
    if denominator <= 1e-9:
        return float(chi2), 0.0
    return float(chi2), float(f.sf((n - 1) * chi2 / denominator, k - 1, (k - 1) * (n - 1)))
