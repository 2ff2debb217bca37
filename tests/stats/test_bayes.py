"""Probabilities of being better, held against baycomp's numbers and closed forms."""

import numpy as np
import pytest

from lepton.stats.bayes import correlated_t_test, signed_rank_test
from lepton.stats.pairs import p_value

SIX = np.array([0.790, 0.801, 0.785, 0.799, 0.793, 0.788]) - np.array(
    [0.781, 0.796, 0.786, 0.790, 0.783, 0.779]
)
FIVE = np.array([0.79, 0.78, 0.80, 0.785, 0.782]) - np.array([0.785, 0.783, 0.791, 0.787, 0.780])


def test_over_folds_it_is_the_correlated_t_test_of_baycomp():
    # baycomp 1.0.3, CorrelatedTTest.probs(first five, rope=0, runs=1)
    assert correlated_t_test(SIX[:5], ratio=1 / 4) == pytest.approx(0.947697385357949, rel=1e-9)


def test_with_a_flat_prior_it_is_one_minus_half_the_p_value():
    assert correlated_t_test(FIVE) == pytest.approx(1 - p_value(FIVE) / 2)
    assert correlated_t_test(-FIVE) == pytest.approx(p_value(FIVE) / 2)


@pytest.mark.parametrize(("gaps", "expected"), [(SIX, 0.99645), (FIVE, 0.8072775)])
def test_over_data_sets_it_is_the_signed_rank_test_of_baycomp(gaps, expected):
    # baycomp 1.0.3, SignedRankTest.probs(a, b, rope=0, nsamples=200000 and 400000)
    assert signed_rank_test(gaps) == pytest.approx(expected, abs=0.006)


def test_the_signed_rank_probabilities_of_both_directions_add_up_to_one():
    assert signed_rank_test(FIVE) + signed_rank_test(-FIVE) == pytest.approx(1)
    assert signed_rank_test(np.zeros(4)) == 0.5


def test_the_same_differences_give_the_same_probability():
    assert signed_rank_test(FIVE) == signed_rank_test(FIVE)


def test_many_differences_are_computed_with_bounded_memory():
    gaps = np.random.default_rng(1).normal(0.1, 1, 700)
    assert 0.9 < signed_rank_test(gaps) <= 1


@pytest.mark.parametrize("gaps", [[], [0.2]])
def test_fewer_than_two_differences_have_no_probability(gaps):
    assert np.isnan(correlated_t_test(np.array(gaps)))
    assert np.isnan(signed_rank_test(np.array(gaps)))


def test_differences_that_do_not_vary_have_no_probability():
    assert np.isnan(correlated_t_test(np.array([0.1, 0.1, 0.1])))
