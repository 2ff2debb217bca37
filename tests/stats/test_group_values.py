"""Metrics of groups with intervals of all groups at once: how often they hold, and of what."""

import numpy as np
import pytest

from lepton.stats.group_values import group_values
from tests.quick import more_and_more


def mean_of(values):
    return lambda rows: {"mean": float(values[rows].mean())}


def test_values_are_those_of_the_rows_of_each_group():
    values, groups = np.arange(12.0), np.array([0, 1, -1] * 4)
    found = group_values(mean_of(values), groups, resamples=0, seed=0)
    np.testing.assert_allclose(found.values[:, 0], [4.5, 5.5])
    assert found.worst("mean", larger_is_better=True)[0] == 4.5
    assert found.worst("mean", larger_is_better=False)[0] == 5.5
    assert found.difference("mean")[0] == 1.0


def test_the_trend_is_the_rise_of_the_line_of_least_squares():
    levels, generator = np.array([1.0, 1.5, 1.2, 2.0, 2.6]), np.random.default_rng(0)
    groups = np.repeat(np.arange(5), 40)
    values = levels[groups] + generator.normal(0, 1e-3, 200)
    found = group_values(mean_of(values), groups, resamples=30, seed=0)
    slope, _ = np.polyfit(np.arange(5), found.values[:, 0], 1)
    value, low, high = found.trend("mean")
    assert value == pytest.approx(4 * slope)
    assert low < value < high < low + 0.01


@pytest.mark.parametrize("tries", more_and_more(400, 2000))
def test_intervals_of_the_worst_the_last_the_trend_and_the_difference_hold_the_true_ones(tries):
    """Of groups that differ a little, so that another one than the truly worst often looks it."""
    generator, levels = np.random.default_rng(1), np.array([0.0, 0.1, 0.3, 0.1])
    groups, held = np.repeat(np.arange(4), 60), np.zeros(4)
    for seed in range(tries):
        values = levels[groups] + generator.normal(size=240)
        found = group_values(mean_of(values), groups, resamples=60, seed=seed)
        truths = (0.0, 0.1, 0.3, np.polyfit(np.arange(4), levels, 1)[0] * 3)
        intervals = (
            *(found.worst("mean", larger_is_better=True), found.of_last("mean")),
            *(found.difference("mean"), found.trend("mean")),
        )
        held += [
            low <= truth <= high for truth, (_, low, high) in zip(truths, intervals, strict=True)
        ]
    assert (held / tries > 0.95 - 4 * np.sqrt(0.05 * 0.95 / tries)).all()


def test_a_metric_that_drawing_itself_changes_has_no_interval():
    values, groups = np.random.default_rng(2).normal(size=90), np.repeat([0, 1, 2], 30)
    found = group_values(
        lambda rows: {"different": float(len(np.unique(rows))), "mean": values[rows].mean()},
        groups,
        **{"resamples": 30, "seed": 0},
    )
    low, high = found.limits()
    assert np.isnan(low[:, 0]).all()
    assert (low[:, 1] < high[:, 1]).all()
