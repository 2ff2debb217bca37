"""Limits of split-conformal prediction: in which place of the scores, and how often they hold."""

import numpy as np
import pytest

from lepton.stats.conformal import conformal_limit, fewest_rows, usual_coverage


@pytest.mark.parametrize(("alpha", "rows"), [(0.1, 9), (0.05, 19), (0.2, 4), (0.3, 3), (0.01, 99)])
def test_the_fewest_rows_are_those_of_which_the_largest_score_is_the_limit(alpha, rows):
    assert fewest_rows(alpha) == rows
    scores = np.random.default_rng(0).permutation(rows)
    assert conformal_limit(scores, alpha) == rows - 1
    assert (rows) * (1 - alpha) > rows - 1  # the place among fewer would be above their number


def test_the_limit_is_the_score_in_the_place_of_one_more_row():
    scores = np.random.default_rng(0).permutation(np.arange(1, 101))
    assert conformal_limit(scores, 0.1) == 91  # 101 * 0.9 = 90.9
    assert conformal_limit(scores, 0.5) == 51


@pytest.mark.parametrize("alpha", [0.1, 0.25])
@pytest.mark.parametrize("rows", [19, 50])
def test_a_further_row_is_within_the_limit_as_often_as_stated(alpha, rows):
    generator, tries = np.random.default_rng(rows), 20_000
    scores = generator.normal(size=(tries, rows + 1))
    limits = np.array([conformal_limit(own, alpha) for own in scores[:, :-1]])
    held = (scores[:, -1] <= limits).mean()
    exact = np.ceil((rows + 1) * (1 - alpha) - 1e-9) / (rows + 1)  # of scores without ties
    assert exact >= 1 - alpha
    assert abs(held - exact) < 4 * np.sqrt(exact * (1 - exact) / tries)


def test_coverages_of_simulated_tests_lie_between_the_usual_ones_95_times_of_100():
    generator, coverages = np.random.default_rng(1), []
    for _ in range(4000):
        limit = conformal_limit(generator.uniform(size=80), 0.1)
        coverages.append((generator.uniform(size=60) <= limit).mean())
    low, high = usual_coverage(80, 60, 0.1)
    share = np.mean([low <= coverage <= high for coverage in coverages])
    assert 0.94 < share < 0.985  # shares of 60 rows come in steps
    assert low == pytest.approx(np.quantile(coverages, 0.025), abs=1 / 60)
    assert high == pytest.approx(np.quantile(coverages, 0.975), abs=1 / 60)
