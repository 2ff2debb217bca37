"""Tests of whether a group's errors could be any draw from all errors."""

import numpy as np
import pytest
from scipy import stats

from lepton.stats.exchangeable import GroupTest, share_interval


@pytest.fixture
def group():
    return np.random.default_rng(0).uniform(size=60) < 0.3


def test_counts_are_tested_by_the_exact_distribution_of_a_draw(group):
    errors = (np.random.default_rng(1).uniform(size=60) < np.where(group, 0.7, 0.2)) * 1.0
    table = [[(errors[side] == value).sum() for value in (1, 0)] for side in (group, ~group)]
    tails = [stats.fisher_exact(table, side).pvalue for side in ("less", "greater")]
    assert GroupTest(errors).p(group) == pytest.approx(2 * min(tails))


@pytest.mark.parametrize("decimals", [8, 0])
def test_other_errors_are_tested_by_their_ranks(group, decimals):
    errors = np.random.default_rng(2).lognormal(size=60).round(decimals)
    expected = stats.mannwhitneyu(errors[group], errors[~group], method="asymptotic").pvalue
    assert GroupTest(errors).p(group) == pytest.approx(expected)


def test_a_small_group_without_an_error_is_no_proof():
    errors = np.r_[np.zeros(8), np.arange(92) % 10 == 0] * 1.0
    assert GroupTest(errors).p(np.arange(100) < 8) > 0.5
    assert GroupTest(np.full(9, 0.5)).p(np.arange(9) < 4) == 1


def test_the_interval_of_a_share_is_wilsons_and_never_a_point():
    for wrong, n in ((0, 8), (3, 20), (8, 8)):
        errors = np.r_[np.ones(wrong), np.zeros(n - wrong)]
        expected = stats.binomtest(wrong, n).proportion_ci(method="wilson")
        assert share_interval(errors) == pytest.approx((wrong / n, expected.low, expected.high))
