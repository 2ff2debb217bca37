"""Bootstrap intervals of metrics: where they lie, and how often they hold the truth."""

import numpy as np
import pytest

from lepton.stats.bootstrap import bootstrap_intervals


def interval_of_mean(values, seed, resamples=200):
    return bootstrap_intervals(
        lambda rows: {"mean": float(values[rows].mean())},
        np.arange(len(values)),
        resamples=resamples,
        seed=seed,
    )


def test_the_interval_of_a_mean_is_that_of_the_normal_distribution():
    values = np.random.default_rng(0).normal(5, 2, 400)
    low, high = interval_of_mean(values, 0, resamples=4000)["mean"]
    error = 1.96 * values.std() / 20
    assert (low, high) == pytest.approx((values.mean() - error, values.mean() + error), abs=0.03)


@pytest.mark.slow
def test_an_interval_holds_the_true_share_in_about_95_of_100_cases():
    generator = np.random.default_rng(1)
    held = 0
    for seed in range(200):
        low, high = interval_of_mean((generator.uniform(size=150) < 0.2) * 1.0, seed)["mean"]
        held += low <= 0.2 <= high
    assert 178 <= held <= 198  # 190 are expected; a standard deviation is 3.1


def test_no_resamples_give_no_intervals_and_undefined_ones_are_left_out():
    assert interval_of_mean(np.arange(9.0), 0, resamples=0) == {}
    nothing = bootstrap_intervals(lambda rows: {"x": np.nan}, np.arange(5), resamples=3, seed=0)
    assert nothing == {}
