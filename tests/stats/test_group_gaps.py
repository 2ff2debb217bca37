"""Gaps between groups: against what is computed by hand, an exact test, and what must not vary."""

from itertools import combinations

import numpy as np
import pytest

from lepton.stats.group_gaps import group_gaps


def gaps_of(score, groups, strata=None, *, resamples=60, shuffles=60, seed=0):
    strata = np.zeros(len(groups), int) if strata is None else strata
    options = {"resamples": resamples, "shuffles": shuffles, "seed": seed}
    return group_gaps(score, groups, strata, **options)


def mean_of(values):
    return lambda positions: {"mean": float(values[positions].mean())}


@pytest.fixture
def three():
    generator = np.random.default_rng(0)
    return generator.normal(size=120), generator.choice(3, 120, p=[0.5, 0.3, 0.2])


def test_a_gap_is_the_largest_minus_the_smallest_and_each_group_minus_all_others(three):
    values, groups = three
    gaps = gaps_of(mean_of(values), groups)
    means = [values[groups == g].mean() for g in range(3)]
    assert gaps.values[:, 0] == pytest.approx(means)
    assert gaps.difference[0] == pytest.approx(max(means) - min(means))
    rest = [values[groups == g].mean() - values[groups != g].mean() for g in range(3)]
    assert gaps.rest_difference[:, 0] == pytest.approx(rest)
    assert 0 <= gaps.low[0] <= gaps.difference[0] <= gaps.high[0]
    assert (gaps.rest_low <= gaps.rest_difference).all()
    assert (gaps.rest_difference <= gaps.rest_high).all()


def test_the_p_of_two_groups_is_that_of_all_ways_to_divide_the_rows():
    values = np.random.default_rng(3).normal(size=10)
    values[:4] += 1.2
    groups = (np.arange(10) < 4).astype(int)

    def gap(inside):
        outside = np.setdiff1d(np.arange(10), inside)
        return abs(values[inside].mean() - values[outside].mean())

    all_gaps = [gap(list(some)) for some in combinations(range(10), 4)]
    exact = np.mean(np.array(all_gaps) >= gap([0, 1, 2, 3]) - 1e-12)
    found = gaps_of(mean_of(values), groups, resamples=0, shuffles=2000)
    assert 0.02 < exact < 0.5
    assert found.p[0] == pytest.approx(exact, abs=0.03)
    assert found.rest_p[:, 0] == pytest.approx([exact, exact], abs=0.03)
    assert np.isnan([found.low[0], found.high[0]]).all()


def test_shuffled_groups_have_as_many_rows_of_each_stratum_as_they_had(three):
    _, groups = three
    strata = np.random.default_rng(1).integers(0, 2, len(groups))
    seen = set()

    def score(positions):
        seen.add((len(positions), int(strata[positions].sum())))
        return {"share": strata[positions].mean()}

    gaps = gaps_of(score, groups, strata, resamples=0)
    of_groups = {(int((m).sum()), int(strata[m].sum())) for m in (groups == g for g in range(3))}
    rest = {(int((m).sum()), int(strata[m].sum())) for m in (groups != g for g in range(3))}
    assert seen == of_groups | rest | {(len(groups), int(strata.sum()))}
    assert gaps.p[0] == 1


def test_a_metric_that_grows_in_small_groups_has_no_interval_and_its_test_allows_for_it():
    groups = np.repeat([0, 1], [30, 400])
    values = np.random.default_rng(0).normal(size=430)

    def score(positions):
        some = values[positions]
        return {"distance": abs(some.mean()), "mean": some.mean()}

    gaps = gaps_of(score, groups, shuffles=300)
    assert np.isnan(gaps.low).tolist() == np.isnan(gaps.rest_high[0]).tolist() == [True, False]
    assert np.isfinite(gaps.p).all()


def test_what_is_undefined_for_a_group_is_left_out_of_the_gap(three):
    values, groups = three

    def score(positions):
        has_all = len(np.unique(groups[positions])) > 1 or groups[positions][0] < 2
        return {"mean": values[positions].mean()} if has_all else {}

    gaps = gaps_of(score, groups)
    means = [values[groups == g].mean() for g in (0, 1)]
    assert gaps.difference[0] == pytest.approx(abs(means[0] - means[1]))
    assert np.isnan(gaps.rest_p[2, 0])


def test_the_same_seed_finds_the_same_and_another_other_draws(three):
    values, groups = three
    first, again, other = (gaps_of(mean_of(values), groups, seed=seed) for seed in (1, 1, 2))
    assert first.rest_low.tolist() == again.rest_low.tolist() != other.rest_low.tolist()
