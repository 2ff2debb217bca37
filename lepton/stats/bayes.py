"""Bayesian tests: the probability that one option is better than another, by paired differences."""

import numpy as np
from scipy.special import stdtr, stdtrit

from lepton.stats.pairs import LEVEL, can_be_tested, interval_level, standard_error

POSTERIOR_SAMPLES = 50_000
PRIOR_WEIGHT = 0.5  # of the prior's one pseudo-observation, a difference of 0
MAX_NUMBERS = 4_000_000  # held in memory at a time
MIN_SUM = 1e-12  # sums of two differences below it are ties


def correlated_t_test(differences: np.ndarray, ratio: float = 0.0, *, picked_of: int = 1) -> float:
    """The probability of a mean difference above 0 on one data set.

    `ratio`: as in `standard_error`; `picked_of`: as in `interval_level`. NaN where there are too
    few differences, or they do not vary.
    Source: Corani & Benavoli 2015, https://doi.org/10.1007/s10994-015-5486-z
    """
    if not can_be_tested(differences):
        return float("nan")
    t, degrees = differences.mean() / standard_error(differences, ratio), len(differences) - 1
    wide = stdtrit(degrees, (1 + interval_level(picked_of)) / 2)
    t *= stdtrit(degrees, (1 + LEVEL) / 2) / wide
    return float(stdtr(degrees, t))


def signed_rank_test(differences: np.ndarray) -> float:
    """The probability of being better over data sets: that sums of two differences are mostly
    positive, ties counted half.

    NaN for fewer than two differences.
    Source: Benavoli et al. 2017, https://jmlr.org/papers/v18/16-305.html
    """
    if len(differences) < 2:
        return float("nan")
    values = np.append(0.0, differences)
    sums = values[:, None] + values[None, :]
    signs = (sums > MIN_SUM).astype(float) - (sums < -MIN_SUM)
    generator = np.random.default_rng(0)
    prior = np.array([PRIOR_WEIGHT, *np.ones(len(differences))])
    samples = int(min(POSTERIOR_SAMPLES, max(2000, MAX_NUMBERS * 10 // len(values) ** 2)))
    wins, samples_left = 0.0, samples
    while samples_left:
        count = min(samples_left, max(1, MAX_NUMBERS // len(values)))
        weights = generator.dirichlet(prior, count)
        balance = np.einsum("si,si->s", weights @ signs, weights)
        wins += (balance > 0).sum() + 0.5 * (balance == 0).sum()
        samples_left -= count
    return float(wins / samples)
