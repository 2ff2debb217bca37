"""Tests of whether the errors of a group of samples could be any draw from all of them.

They hold for small groups too, and for errors that are mostly 0, where a t-test does not.
"""

import numpy as np
from scipy.special import ndtr

NORMAL_95 = 1.959963984540054  # standard deviations of a 95 % interval


class GroupTest:
    """Tells how surely a group of samples errs more or less than the others.

    Errors of 0 and 1 are counted: Fisher's exact test. Others are ranked: the rank-sum test of
    Wilcoxon, Mann and Whitney, with the correction for ties and that for continuity.
    """

    def __init__(self, errors: np.ndarray):
        """Shapes: errors (samples,)."""
        from scipy.stats import rankdata  # half a second

        self.errors = errors
        self.are_counts = are_counts(errors)
        self.ranks = rankdata(errors)
        _, ties = np.unique(errors, return_counts=True)
        n = len(errors)
        self.tie_factor = 1 - float((ties.astype(float) ** 3 - ties).sum()) / max(n**3 - n, 1)

    def p(self, is_inside: np.ndarray) -> float:
        """The two-sided p-value of a group. Shapes: is_inside (samples,), bool."""
        return self._count_p(is_inside) if self.are_counts else self._rank_p(is_inside)

    def _count_p(self, is_inside: np.ndarray) -> float:
        """Twice the smaller tail of the hypergeometric distribution.

        Source: Fisher 1935, https://doi.org/10.2307/2342435
        """
        from scipy.stats import hypergeom

        count = self.errors[is_inside].sum()
        drawn = hypergeom(len(self.errors), self.errors.sum(), is_inside.sum())
        return float(min(1.0, 2 * min(drawn.cdf(count), drawn.sf(count - 1))))

    def _rank_p(self, is_inside: np.ndarray) -> float:
        """Source: Mann and Whitney 1947, https://doi.org/10.1214/aoms/1177730491"""
        n, inside = len(self.errors), int(is_inside.sum())
        variance = inside * (n - inside) * (n + 1) / 12 * self.tie_factor
        if variance <= 0:
            return 1.0
        distance = abs(self.ranks[is_inside].sum() - inside * (n + 1) / 2)
        return float(min(1.0, 2 * ndtr(-max(distance - 0.5, 0) / np.sqrt(variance))))


def are_counts(errors: np.ndarray) -> bool:
    """True for errors that are 0 or 1 each."""
    return bool(np.isin(errors, (0, 1)).all())


def share_interval(errors: np.ndarray) -> tuple[float, float, float]:
    """The share of errors that are 1, and its 95 % interval: (share, low, high).

    Source: Wilson 1927, https://doi.org/10.1080/01621459.1927.10502953
    """
    n, share, z = len(errors), float(errors.mean()), NORMAL_95
    center = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half_width = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return share, float(max(center - half_width, 0)), float(min(center + half_width, 1))
