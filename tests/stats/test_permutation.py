"""Intervals of permutation importance, against inputs that tell nothing and against the truth."""

import numpy as np
import pytest

from lepton.stats.permutation import PermutedScores
from tests.quick import more_and_more

ROWS, REPEATS = 120, 10
WEIGHTS = np.array([0.9, 0.6, 0.5])  # of a model, of which the third input tells nothing
SIGNAL = np.array([1.0, 0.5, 0.0])


def negative_log_loss(p, y):
    return np.mean(np.where(y, np.log(p), np.log1p(-p)))


def area(p, y):
    ranks = p.argsort().argsort()
    ones = y.sum()
    return (ranks[y].sum() - ones * (ones - 1) / 2) / (ones * (len(y) - ones))


def accuracy(p, y):
    return np.mean((p > 0.5) == y)


def model(x):
    """Uses the noise alone and together with what tells something."""
    return 1 / (1 + np.exp(-(x @ WEIGHTS - 0.8 + 0.6 * x[:, 2] * x[:, 0])))


def drawn(generator, rows):
    x = generator.normal(size=(rows, 3))
    return x, generator.random(rows) < 1 / (1 + np.exp(0.8 - x @ SIGNAL))


def estimated(generator, metric, column, repeats=REPEATS):
    x, y = drawn(generator, ROWS)
    donors = np.stack([generator.permutation(ROWS) for _ in range(repeats)])
    permuted = np.repeat(x[None], repeats, 0)
    permuted[:, :, column] = x[donors, column]
    scores = PermutedScores(lambda p, rows: metric(p[rows], y[rows]), model(x), donors, seed=0)
    return scores.estimate(np.stack([model(some) for some in permuted]))


@pytest.mark.parametrize("metric", [negative_log_loss, area, accuracy])
@pytest.mark.parametrize("samples", more_and_more(400, 4000))
def test_the_interval_of_an_input_that_tells_nothing_holds_0_as_often_as_it_says(metric, samples):
    generator = np.random.default_rng(7)
    estimates = [estimated(generator, metric, 2) for _ in range(samples)]
    held = np.mean([e.low <= 0 <= e.high for e in estimates])
    error = np.sqrt(0.05 * 0.95 / samples)
    assert 0.95 - 3 * error < held < max(0.99, 0.95 + 2.6 * error)
    spread = np.std([e.value for e in estimates])
    assert 0.8 < np.mean([e.high - e.low for e in estimates]) / (2 * 2.09 * spread) < 1.3


@pytest.mark.slow
def test_one_permutation_has_a_wider_interval_than_ten():
    once, often = (
        [estimated(np.random.default_rng(seed), negative_log_loss, 2, n) for seed in range(30)]
        for n in (1, REPEATS)
    )
    widths = [np.mean([e.high - e.low for e in estimates]) for estimates in (once, often)]
    assert np.isfinite(widths).all()
    assert widths[0] > 1.2 * widths[1]


@pytest.mark.parametrize("samples", more_and_more(400, 4000))
def test_the_interval_of_an_input_that_tells_something_holds_what_many_rows_lose(samples):
    generator = np.random.default_rng(8)
    x, y = drawn(generator, 400_000)
    other = x.copy()
    other[:, 0] = generator.permutation(x[:, 0])
    truth = negative_log_loss(model(x), y) - negative_log_loss(model(other), y)
    estimates = [estimated(generator, negative_log_loss, 0) for _ in range(samples)]
    held = np.mean([e.low <= truth <= e.high for e in estimates])
    assert abs(held - 0.95) < 3 * np.sqrt(0.05 * 0.95 / samples) + 0.02
    assert np.mean([e.low > 0 for e in estimates]) > 0.5


def test_a_score_that_is_undefined_without_a_group_of_rows_has_no_interval():
    generator = np.random.default_rng(0)
    y, p = np.arange(40) == 3, generator.random(40)
    donors = np.stack([generator.permutation(40) for _ in range(3)])

    def area_or_none(p, rows):
        return area(p[rows], y[rows]) if y[rows].any() else np.nan

    estimate = PermutedScores(area_or_none, p, donors, seed=0).estimate(p[donors])
    assert np.isfinite(estimate.value)
    assert np.isnan([estimate.low, estimate.high]).all()
