"""Tests of whether the errors of a group of samples could be any draw from all of them.

They hold for small groups too, and for errors that are mostly 0, where a t-test does not.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import gammaln, ndtr

from lepton.stats.pairs import holm

NORMAL_95 = 1.959963984540054  # standard deviations of a 95 % interval
SHUFFLES = 999  # of losses, of which each gives the largest statistic of all groups
MAX_PRODUCTS = 2e9  # of groups, samples and shuffles; more are tested by ranks
MAX_NUMBERS = 200_000  # of shuffled losses held in memory at a time
SAME_CHANCE = 1 + 1e-7  # of two counts, up to rounding


def corrected_p_values(
    errors: np.ndarray, groups: Sequence[np.ndarray], level: float = 0.05
) -> np.ndarray:
    """The p-value of each group against the samples outside of it, corrected for all groups.

    Errors of 0 and 1 are counted: Fisher's exact test and Holm's correction over the groups that
    could be told apart at `level` at all, of which a group and the rest of it are one. Others are
    losses, whose means are compared with those of shuffled losses; very many are ranked instead.
    Shapes: errors (samples,), groups of (samples,) bool -> (groups,).
    """
    if not len(groups):
        return np.zeros(0)
    if are_counts(errors):
        return _corrected_counts(errors, groups, level)
    if len(groups) * len(errors) * SHUFFLES > MAX_PRODUCTS:
        test = RankTest(errors)
        return _corrected_over_partitions(np.array([test.p(g) for g in groups]), groups)
    return _shuffled_p_values(errors, np.array(groups))


def _corrected_counts(errors: np.ndarray, groups: Sequence[np.ndarray], level: float) -> np.ndarray:
    """Source: Tarone 1990, https://doi.org/10.2307/2531456; which groups are tested depends on
    sizes alone, and over these Holm's correction holds."""
    tests = [fisher_test(errors, group) for group in groups]
    p_values, smallest = np.array(tests).T
    representatives = first_of_partitions(groups)
    attainable = np.sort(smallest[[*dict.fromkeys(representatives)]])
    counts = np.arange(1, len(attainable) + 1)
    within = np.array([(attainable <= level / count).sum() for count in counts])
    family_size = int(counts[within <= counts][0])
    is_tested = smallest <= level / family_size
    return np.where(
        is_tested,
        _corrected_over_partitions(np.where(is_tested, p_values, np.nan), groups),
        1.0,
    )


def _corrected_over_partitions(p_values: np.ndarray, groups: Sequence[np.ndarray]) -> np.ndarray:
    """Holm's correction, in which groups that part the samples in the same way are one test."""
    representatives = np.array(first_of_partitions(groups))
    is_first = representatives == np.arange(len(groups))
    adjusted = holm(np.where(is_first, p_values, np.nan))
    return adjusted[representatives]


def first_of_partitions(groups: Sequence[np.ndarray]) -> list[int]:
    """For each group the position of the first that parts the samples as it does: the same one, or
    the rest of it."""
    first: dict[bytes, int] = {}
    return [
        first.setdefault(np.packbits(group ^ group[0]).tobytes(), position)
        for position, group in enumerate(groups)
    ]


def fisher_test(errors: np.ndarray, is_inside: np.ndarray) -> tuple[float, float]:
    """The two-sided p-value of Fisher's exact test, and the smallest that these sizes allow.

    Source: Fisher 1935, https://doi.org/10.2307/2342435
    """
    n, wrong, inside = len(errors), int(errors.sum()), int(is_inside.sum())
    lowest, highest = max(0, inside + wrong - n), min(inside, wrong)
    counts = np.arange(lowest, highest + 1)
    logs = _log_binomial(wrong, counts) + _log_binomial(n - wrong, inside - counts)
    chances = np.exp(logs - _log_binomial(n, inside))
    chance = chances[int(errors[is_inside].sum()) - lowest]
    p = chances[chances <= chance * SAME_CHANCE].sum()
    return float(min(p, 1.0)), float(chances[chances <= chances.min() * SAME_CHANCE].sum())


def _log_binomial(n: int, k: np.ndarray | int) -> np.ndarray:
    return gammaln(n + 1) - gammaln(np.asarray(k) + 1.0) - gammaln(n - np.asarray(k) + 1.0)


def _shuffled_p_values(losses: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """How often the largest standardized difference of all groups is one's own or more.

    Source: Westfall and Young 1993, Resampling-Based Multiple Testing, chapter 2
    Shapes: losses (samples,), groups (groups, samples) -> (groups,).
    """
    centered = losses - losses.mean()
    if not np.any(centered):
        return np.ones(len(groups))
    n, sizes = len(losses), groups.sum(1)
    scales = np.sqrt(sizes * (n - sizes) / n)
    weights = groups.T / scales
    observed = np.abs(centered @ weights) * (1 - 1e-12)
    generator, larger, shuffles_left = np.random.default_rng(0), np.ones(len(groups)), SHUFFLES
    while shuffles_left:
        count = min(shuffles_left, max(1, MAX_NUMBERS // n))
        shuffled = generator.permuted(np.tile(centered, (count, 1)), axis=1)
        largest = np.abs(shuffled @ weights).max(1)
        larger += (largest[:, None] >= observed).sum(0)
        shuffles_left -= count
    return larger / (SHUFFLES + 1)


class RankTest:
    """The rank-sum test of Wilcoxon, Mann and Whitney, with the correction for ties and that for
    continuity."""

    def __init__(self, losses: np.ndarray):
        """Shapes: losses (samples,)."""
        from scipy.stats import rankdata  # half a second

        self.ranks = rankdata(losses)
        _, ties = np.unique(losses, return_counts=True)
        n = len(losses)
        self.tie_factor = 1 - float((ties.astype(float) ** 3 - ties).sum()) / max(n**3 - n, 1)

    def p(self, is_inside: np.ndarray) -> float:
        """The two-sided p-value of a group.

        Shapes: is_inside (samples,), bool.
        Source: Mann and Whitney 1947, https://doi.org/10.1214/aoms/1177730491
        """
        n, inside = len(self.ranks), int(is_inside.sum())
        variance = inside * (n - inside) * (n + 1) / 12 * self.tie_factor
        if variance <= 0:
            return 1.0
        distance = abs(self.ranks[is_inside].sum() - inside * (n + 1) / 2)
        return float(min(1.0, 2 * ndtr(-max(distance - 0.5, 0) / np.sqrt(variance))))


def are_counts(errors: np.ndarray) -> bool:
    """True for errors that are 0 or 1 each."""
    return bool(np.isin(errors, (0, 1)).all())


def share_interval(errors: np.ndarray) -> tuple[float, float, float]:
    """The share of errors that are 1, and its 95 % interval: (share, low, high)."""
    low, high = wilson_interval(errors.sum(), len(errors))
    return float(errors.mean()), float(max(low, 0)), float(min(high, 1))


def wilson_interval(successes: ArrayLike, n: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """The lower and the upper end of the 95 % interval of each share `successes / n`.

    Source: Wilson 1927, https://doi.org/10.1080/01621459.1927.10502953
    """
    counts, squared = np.asarray(n, float), NORMAL_95**2
    share = np.asarray(successes, float) / counts
    center, scale = share + squared / (2 * counts), 1 + squared / counts
    half_width = NORMAL_95 * np.sqrt(share * (1 - share) / counts + squared / (4 * counts**2))
    return (center - half_width) / scale, (center + half_width) / scale
