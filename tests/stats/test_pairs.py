"""Pairs and their tests against scipy, published rules and another library's numbers."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from lepton.stats.bayes import correlated_t_test
from lepton.stats.pairs import PairedScores, holm, mean_interval, p_value, paired_scores

# five folds of two classifiers; baycomp 1.0.3, CorrelatedTTest.probs(A, B, rope=0, runs=1), whose
# rho is 1/5, gives 0.9476973854 for the first
A = np.array([0.790, 0.801, 0.785, 0.799, 0.793])
B = np.array([0.781, 0.796, 0.786, 0.790, 0.783])
PROBABLE = 0.947697385357949


def test_without_shared_rows_the_test_is_the_paired_t_test():
    expected = stats.ttest_rel(A, B)
    assert p_value(A - B) == pytest.approx(expected.pvalue)
    low, high = expected.confidence_interval(0.95)
    assert mean_interval(A - B)[1:] == pytest.approx((low, high))


def test_over_five_folds_the_variance_is_corrected_as_nadeau_and_bengio_do():
    # rho / (1 - rho) = 1/4 = test rows / training rows: two-sided p is twice the other tail
    assert p_value(A - B, ratio=1 / 4) == pytest.approx(2 * (1 - PROBABLE), rel=1e-9)
    gap = A - B
    half = stats.t.ppf(0.975, 4) * gap.std(ddof=1) * np.sqrt(1 / 5 + 1 / 4)
    assert mean_interval(gap, 1 / 4) == pytest.approx(
        (gap.mean(), gap.mean() - half, gap.mean() + half)
    )


def test_a_baseline_that_scores_picked_of_several_options_makes_its_difference_less_sure():
    pairs = PairedScores(A, B, "seed", ratio=0.0, settings=())
    intervals = [pairs.interval(picked_of=k)[1:] for k in (1, 2, 3, 4, 12)]
    assert intervals[0] == intervals[1]
    # in these simulations a quantile of 97 % holds 0 of four options in 95 % of the cases
    expected = stats.t.interval(0.97, 4, (A - B).mean(), stats.sem(A - B))
    assert intervals[3] == pytest.approx(expected, abs=2e-5)
    widths = [high - low for low, high in intervals[1:]]
    assert widths == sorted(set(widths))
    better = [correlated_t_test(A - B, picked_of=k) for k in (1, 4)]
    quantiles = [stats.t.ppf((1 + level) / 2, 4) for level in (0.95, 0.97)]
    t = stats.ttest_rel(A, B).statistic
    expected = [stats.t.cdf(t * quantiles[0] / q, 4) for q in quantiles]
    assert better == pytest.approx(expected, abs=1e-3)


def test_holm_is_that_of_statsmodels():
    # statsmodels 0.15, multipletests(p, method="holm")[1]
    p = np.array([0.01, 0.04, 0.03, 0.005, 0.2])
    assert holm(p) == pytest.approx([0.04, 0.09, 0.09, 0.025, 0.2])


@pytest.mark.parametrize("gaps", [[], [0.1], [0.1, 0.1, 0.1], [0.0, 0.0]])
def test_what_does_not_vary_has_no_p_value(gaps):
    assert np.isnan(p_value(np.array(gaps)))


def frame(model, rows):
    """Runs of a model: (setting, seed, fold, score)."""
    names = ["optimizer.lr", "seed", "dataset.fold", "test/auroc"]
    runs = pd.DataFrame(rows, columns=names).assign(model=model)
    return runs.assign(**{"rows/train": 640, "rows/val": 160, "rows/test": 200})


def pair_runs(runs, base, settings=("optimizer.lr",)):
    return paired_scores(runs, base, "test/auroc", [*settings], ["seed", "dataset.fold"])


def test_over_one_split_a_pair_is_a_seed_and_settings_are_averaged():
    base = frame("a", [(lr, s, None, 0.1 * s + lr) for lr in (1, 2) for s in range(3)])
    runs = base.assign(model="b", **{"test/auroc": base["test/auroc"] + 0.1 * base["seed"]})
    pairs = pair_runs(runs, base)
    assert (pairs.unit, pairs.ratio, pairs.settings) == ("seed", 0, ("optimizer.lr",))
    assert pairs.differences == pytest.approx([0, 0.1, 0.2])


def test_over_several_splits_a_pair_is_a_split_and_its_seeds_are_averaged():
    base = frame("a", [(1, s, fold, 0.0) for s in range(4) for fold in range(3)])
    runs = base.assign(**{"test/auroc": base["dataset.fold"] + 0.1 * base["seed"]})
    pairs = pair_runs(runs, base)
    assert pairs.unit == "split"
    assert pairs.ratio == pytest.approx(200 / 800)
    assert pairs.differences == pytest.approx([0.15, 1.15, 2.15])


def test_only_runs_that_are_equal_in_everything_else_make_a_pair():
    base = frame("a", [(1, 0, None, 0.5), (2, 1, None, 0.5), (1, 2, None, 0.5)])
    runs = frame("b", [(1, 0, None, 0.6), (1, 1, None, 0.9), (1, 2, None, 0.7)])
    assert pair_runs(runs, base).differences == pytest.approx([0.1, 0.2])
    assert len(pair_runs(runs.assign(seed=9), base).differences) == 0


def test_with_one_seed_a_pair_is_a_setting():
    base = frame("a", [(lr, 0, None, lr) for lr in (0.1, 0.2, 0.3)])
    runs = base.assign(**{"test/auroc": base["test/auroc"] * 2})
    pairs = pair_runs(runs, base)
    assert pairs.unit == "setting"
    assert sorted(pairs.differences) == pytest.approx([0.1, 0.2, 0.3])


def test_null_is_a_value_that_pairs_with_null_alone():
    rows = [(None, s, None, 0.5) for s in range(2)] + [(1.0, s, None, 0.7) for s in range(2)]
    base = frame("a", rows)
    runs = frame("b", [(None, s, None, 0.6 + s) for s in range(2)])
    assert pair_runs(runs, base).differences == pytest.approx([0.1, 1.1])


def test_a_run_without_the_metric_makes_no_pair():
    base = frame("a", [(1, s, None, 0.5) for s in range(3)])
    runs = frame("b", [(1, 0, None, 0.6), (1, 1, None, np.nan), (1, 2, None, 0.8)])
    pairs = pair_runs(runs, base)
    assert isinstance(pairs, PairedScores)
    assert pairs.differences == pytest.approx([0.1, 0.3])
