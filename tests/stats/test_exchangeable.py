"""Tests of whether a group's errors could be any draw from all errors."""

from itertools import permutations

import numpy as np
import pytest
from scipy import stats

from lepton.stats.exchangeable import (
    RankTest,
    corrected_p_values,
    fisher_test,
    share_interval,
    wilson_interval,
)


@pytest.fixture
def group():
    return np.random.default_rng(0).uniform(size=60) < 0.3


def table(errors, group):
    return [[(errors[side] == value).sum() for value in (1, 0)] for side in (group, ~group)]


@pytest.mark.parametrize(("inside", "outside"), [(0.7, 0.2), (0.1, 0.1), (0.0, 0.5), (1.0, 0.0)])
def test_counts_are_tested_by_fishers_test_of_scipy(group, inside, outside):
    errors = (np.random.default_rng(1).uniform(size=60) < np.where(group, inside, outside)) * 1.0
    p, smallest = fisher_test(errors, group)
    assert p == pytest.approx(stats.fisher_exact(table(errors, group)).pvalue)
    assert 0 < smallest <= p


def test_the_smallest_p_value_is_that_of_the_rarest_of_all_tables():
    group = np.arange(30) < 5
    errors = np.r_[np.ones(7), np.zeros(23)]
    counts = range(6)
    tables = [[[k, 5 - k], [7 - k, 18 + k]] for k in counts]
    expected = min(stats.fisher_exact(t).pvalue for t in tables)
    assert fisher_test(errors, group)[1] == pytest.approx(expected)


def test_both_values_of_a_column_are_one_test(group):
    errors = (np.random.default_rng(1).uniform(size=60) < np.where(group, 0.7, 0.2)) * 1.0
    expected = stats.fisher_exact(table(errors, group)).pvalue
    assert corrected_p_values(errors, [group, ~group]) == pytest.approx([expected] * 2)
    assert corrected_p_values(errors, [group, ~group, group]) == pytest.approx([expected] * 3)


def test_groups_that_could_not_be_told_apart_count_for_nothing(group):
    errors = (np.random.default_rng(1).uniform(size=60) < np.where(group, 0.7, 0.2)) * 1.0
    tiny = [np.arange(60) == i for i in range(40)]  # whose smallest p is above 0.05
    corrected = corrected_p_values(errors, [group, *tiny])
    assert corrected[0] == pytest.approx(stats.fisher_exact(table(errors, group)).pvalue)
    assert (corrected[1:] == 1).all()


def test_several_groups_are_corrected_by_holm(group):
    generator = np.random.default_rng(1)
    errors = (generator.uniform(size=60) < np.where(group, 0.7, 0.2)) * 1.0
    other = generator.uniform(size=60) < 0.5
    p = sorted(stats.fisher_exact(table(errors, g)).pvalue for g in (group, other))
    corrected = sorted(corrected_p_values(errors, [group, other]))
    assert corrected == pytest.approx([2 * p[0], max(p[1], 2 * p[0])])


def test_losses_are_compared_with_all_their_orders():
    losses = np.array([0.1, 0.3, 0.2, 0.9, 2.0, 1.1])
    groups = np.array([[0, 0, 0, 1, 1, 1], [1, 0, 0, 0, 0, 1]]).astype(bool)

    def statistics(values):
        return [
            abs(values[g].mean() - values[~g].mean()) * np.sqrt(g.sum() * (~g).sum())
            for g in groups
        ]

    largest = [max(statistics(np.array(order))) for order in permutations(losses)]
    expected = [np.mean(np.array(largest) >= s - 1e-12) for s in statistics(losses)]
    assert corrected_p_values(losses, list(groups)) == pytest.approx(expected, abs=0.04)


@pytest.mark.parametrize("decimals", [8, 0])
def test_very_many_losses_are_tested_by_their_ranks(group, decimals, monkeypatch):
    losses = np.random.default_rng(2).lognormal(size=60).round(decimals)
    expected = stats.mannwhitneyu(losses[group], losses[~group], method="asymptotic").pvalue
    assert RankTest(losses).p(group) == pytest.approx(expected)
    monkeypatch.setattr("lepton.stats.exchangeable.MAX_PRODUCTS", 10)
    assert corrected_p_values(losses, [group, ~group]) == pytest.approx([expected] * 2)


def test_a_small_group_without_an_error_is_no_proof():
    errors = np.r_[np.zeros(8), np.arange(92) % 10 == 0] * 1.0
    small = np.arange(100) < 8
    assert corrected_p_values(errors, [small])[0] > 0.5
    assert corrected_p_values(np.full(9, 0.5), [np.arange(9) < 4]).tolist() == [1]
    assert corrected_p_values(errors, []).size == 0


def test_the_interval_of_a_share_is_wilsons_and_never_a_point():
    for wrong, n in ((0, 8), (3, 20), (8, 8)):
        errors = np.r_[np.ones(wrong), np.zeros(n - wrong)]
        expected = stats.binomtest(wrong, n).proportion_ci(method="wilson")
        assert share_interval(errors) == pytest.approx((wrong / n, expected.low, expected.high))


def test_intervals_of_counted_shares_are_wilsons_of_scipy():
    for k, n in ((0, 10), (3, 10), (10, 10), (40, 90)):
        expected = stats.binomtest(k, n).proportion_ci(0.95, method="wilson")
        assert wilson_interval(k, n) == pytest.approx(tuple(expected), abs=1e-12)
