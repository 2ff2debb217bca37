"""Convex weights, against a grid and another solver."""

import numpy as np
import pytest
import torch
from scipy.optimize import LinearConstraint, minimize
from sklearn.metrics import log_loss, root_mean_squared_error

from lepton.ensemble.combiner import ValidationPredictions
from lepton.ensemble.weighted import Weighted
from lepton.testing.members import made_up_scorer


def make_data(task, members=3, rows=200):
    draw = np.random.default_rng(5)
    noise = draw.normal(0, np.linspace(0.8, 1.4, members)[:, None], (members, rows))
    truth = draw.normal(size=rows)
    if task == "regression":
        return truth, truth + noise
    y = (truth + draw.normal(0, 0.5, rows) > 0).astype(float)
    return y, 1 / (1 + np.exp(-2 * (truth + noise)))


def fit(y, p, task, **settings):
    metric = "rmse" if task == "regression" else "log_loss"
    validation = ValidationPredictions(
        torch.tensor(p), torch.tensor(y), made_up_scorer(task, metric), [1] * len(p), None, None, 0
    )
    return (
        Weighted(task=task, **{"penalty": 0.0, "max_iter": 200, "library": 100} | settings)
        .fit(validation)
        .numpy()
    )


LOSSES = {"binary": log_loss, "regression": root_mean_squared_error}


@pytest.mark.slow
@pytest.mark.parametrize("task", LOSSES)
def test_no_point_of_a_grid_is_better(task):
    y, p = make_data(task)
    weights = fit(y, p, task)
    grid = [(a, b, 1 - a - b) for a in np.linspace(0, 1, 21) for b in np.linspace(0, 1 - a, 21)]
    losses = [
        LOSSES[task](y, np.clip(np.dot(w, p), 0, 1) if task == "binary" else w @ p)
        for w in map(np.array, grid)
    ]
    assert LOSSES[task](y, weights @ p) <= min(losses) + 1e-9
    assert weights == pytest.approx(np.array(grid[int(np.argmin(losses))]), abs=0.05)


@pytest.mark.slow
@pytest.mark.parametrize("task", LOSSES)
def test_another_solver_finds_the_same_weights(task):
    y, p = make_data(task, members=5)
    weights = fit(y, p, task)
    other = minimize(
        lambda w: LOSSES[task](y, w @ p),
        np.full(5, 0.2),
        method="trust-constr",
        bounds=[(0, 1)] * 5,
        constraints=LinearConstraint(np.ones(5), 1, 1),
        options={"gtol": 1e-9, "xtol": 1e-12},
    )
    assert weights.sum() == pytest.approx(1)
    assert (weights >= 0).all()
    assert weights == pytest.approx(other.x, abs=2e-3)


def test_a_penalty_draws_the_weights_together():
    y, p = make_data("binary")
    spread = [np.ptp(fit(y, p, "binary", penalty=c)) for c in (0.0, 1.0, 1000.0)]
    assert spread[0] > spread[1] > spread[2]
    assert spread[2] < 1e-3


def test_a_member_that_is_always_right_gets_everything():
    y, p = make_data("regression")
    assert fit(y, np.stack([p[0], y]), "regression") == pytest.approx([0, 1], abs=1e-3)


def test_beyond_the_library_nothing_gets_a_weight():
    y, p = make_data("binary", members=5)
    weights = fit(y, p, "binary", library=2)
    assert weights[:2] == pytest.approx(fit(y, p[:2], "binary"))
    assert list(weights[2:]) == [0, 0, 0]
