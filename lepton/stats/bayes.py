"""How probable it is that one option is better than another, given paired differences."""

import numpy as np
from scipy.special import stdtr

from lepton.stats.pairs import standard_error, varied

SAMPLES = 50_000
PRIOR = 0.5  # weight of the prior's one pseudo-observation, a difference of 0
CELLS = 4_000_000  # numbers held at a time


def correlated_t(gaps: np.ndarray, ratio: float = 0.0) -> float:
    """Of a mean difference above 0 on one data set; `ratio` as in `standard_error`.

    NaN for fewer than two differences, or where they do not vary.

    Source: Corani & Benavoli 2015, https://doi.org/10.1007/s10994-015-5486-z
    """
    if not varied(gaps):
        return float("nan")
    return float(stdtr(len(gaps) - 1, gaps.mean() / standard_error(gaps, ratio)))


def signed_rank(gaps: np.ndarray) -> float:
    """Of being better over data sets: of mostly positive sums of two differences, ties half.

    NaN for fewer than two differences.

    Source: Benavoli et al. 2017, https://jmlr.org/papers/v18/16-305.html
    """
    if len(gaps) < 2:
        return float("nan")
    values = np.append(0.0, gaps)
    sums = values[:, None] + values[None, :]
    sign = (sums > 1e-12).astype(float) - (sums < -1e-12)
    generator = np.random.default_rng(0)
    weights = np.array([PRIOR, *np.ones(len(gaps))])
    samples = int(min(SAMPLES, max(2000, CELLS * 10 // len(values) ** 2)))
    wins, left = 0.0, samples
    while left:
        count = min(left, max(1, CELLS // len(values)))
        drawn = generator.dirichlet(weights, count)
        balance = np.einsum("si,si->s", drawn @ sign, drawn)
        wins += (balance > 0).sum() + 0.5 * (balance == 0).sum()
        left -= count
    return float(wins / samples)
