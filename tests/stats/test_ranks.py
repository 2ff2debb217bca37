"""Ranks over data sets, held against Demsar's worked example and scipy."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from lepton.stats.ranks import friedman_test, rank_options

MEAN = np.array([3.143, 2.000, 2.893, 1.964])  # Demsar 2006, table 6: C4.5 on 14 data sets


def table(n=8, k=4, seed=0):
    values = np.random.default_rng(seed).normal(size=(n, k)) + np.arange(k) * 0.7
    return pd.DataFrame(values, columns=list("abcd")[:k], index=[f"d{i}" for i in range(n)])


def test_friedman_of_demsars_example_is_that_of_the_paper():
    # section 3.2.2: chi-square 9.28, F 3.69 with (3, 39) degrees of freedom
    chi2, p = friedman_test(MEAN, 14)
    assert chi2 == pytest.approx(9.28, abs=0.01)
    assert p == pytest.approx(stats.f.sf(3.69, 3, 39), abs=2e-4)


def test_the_critical_difference_of_demsars_example_is_that_of_the_paper():
    # section 3.2.2: four classifiers on 14 data sets, 2.569 * sqrt(4 * 5 / (6 * 14)) = 1.25
    assert rank_options(table(n=14), "a").critical_difference == pytest.approx(1.25, abs=0.005)


@pytest.mark.parametrize(("k", "q"), [(2, 1.960), (3, 2.343)])
def test_the_critical_value_is_that_of_demsars_table_5(k, q):
    ranks = rank_options(table(n=6, k=k), "a")
    assert ranks.critical_difference / np.sqrt(k * (k + 1) / (6 * 6)) == pytest.approx(q, abs=0.001)


def test_friedmans_chi_square_is_scipys():
    scores = table()
    expected = stats.friedmanchisquare(*(scores[c] for c in scores))
    assert rank_options(scores, "a").chi2 == pytest.approx(expected.statistic)


def test_the_best_has_rank_one_and_equal_scores_share_theirs():
    scores = pd.DataFrame({"a": [0.9, 0.8], "b": [0.5, 0.8], "c": [0.7, 0.1]})
    assert rank_options(scores, "a").mean == {"a": 1.25, "b": 2.25, "c": 2.5}


def test_wins_ties_and_losses_are_against_the_baseline():
    scores = pd.DataFrame({"a": [0.9, 0.8, 0.3], "b": [0.5, 0.8, 0.4], "c": [0.95, 0.9, 0.5]})
    wins = rank_options(scores, "a").wins.set_index("option")
    assert wins.loc["b"].tolist() == [1, 1, 1]
    assert wins.loc["c"].tolist() == [3, 0, 0]
    assert "a" not in wins.index


def test_data_sets_that_lack_an_option_are_left_out():
    scores = table()
    scores.loc["d0", "b"] = np.nan
    assert rank_options(scores, "a").datasets == 7
    assert rank_options(scores, "a").mean == rank_options(scores.drop("d0"), "a").mean


def test_one_data_set_has_ranks_and_no_test():
    ranks = rank_options(table(n=1), "a")
    assert sorted(ranks.mean.values()) == [1, 2, 3, 4]
    assert np.isnan([ranks.chi2, ranks.p]).all()


def test_options_that_always_come_in_the_same_order_are_told_apart():
    scores = pd.DataFrame({c: [i + 0.1 * d for d in range(9)] for i, c in enumerate("abc")})
    ranks = rank_options(scores, "a")
    assert (ranks.chi2, ranks.p) == (pytest.approx(18), 1e-4)
    assert ranks.mean == {"a": 3, "b": 2, "c": 1}


def test_cliques_join_options_nearer_than_the_critical_difference_and_hold_no_other():
    ranks = rank_options(
        pd.DataFrame({c: [i + 0.1 * d for d in range(10)] for i, c in enumerate("abc")}), "a"
    )
    assert ranks.critical_difference == pytest.approx(2.343 * np.sqrt(12 / 60), abs=1e-3)  # 1.05
    assert ranks.cliques == [["c", "b"], ["b", "a"]]


def test_few_data_sets_have_the_p_value_of_all_their_orders():
    scores = pd.DataFrame({"a": [0.9, 0.8, 0.7], "b": [0.5, 0.6, 0.4], "c": [0.1, 0.2, 0.3]})
    ranks = rank_options(scores, "a")
    # one order in 36 puts both other data sets as the first one is
    assert (ranks.test, ranks.p) == ("random orders", pytest.approx(1 / 36, abs=0.006))


@pytest.mark.parametrize(("n", "p"), [(5, 0.0625), (6, 0.03125), (12, 2 / 4096)])
def test_two_options_are_told_apart_by_the_sign_test(n, p):
    scores = pd.DataFrame({"a": np.arange(n) + 1.0, "b": np.arange(n) + 0.5})
    ranks = rank_options(scores, "a")
    assert (ranks.test, ranks.p) == ("sign test", pytest.approx(p))
    assert (ranks.critical_difference <= 1) == (p < 0.05)


def test_a_difference_that_few_data_sets_reach_by_chance_is_not_critical():
    # of 5 data sets, all agree on the better of two options in 2 of 32 cases
    assert rank_options(table(n=5, k=2), "a").critical_difference > 1


@pytest.mark.parametrize("n", [4, 11, 16, 21, 60])
def test_two_options_without_a_difference_reach_the_critical_one_in_five_of_a_hundred_cases(n):
    difference = rank_options(table(n=n, k=2), "a").critical_difference
    wins = np.arange(n + 1)
    is_reached = np.abs(2 * wins - n) / n >= difference
    assert stats.binom.pmf(wins[is_reached], n, 0.5).sum() < 0.054
