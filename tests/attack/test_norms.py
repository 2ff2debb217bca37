import numpy as np
import pytest
import torch
from scipy.optimize import minimize

from lepton.attack.norms import NORMS
from lepton.randomness.draw import Draw


def draw_each(rows):
    return Draw(torch.tensor(1), torch.tensor(2)).each(torch.arange(rows))


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_a_projection_is_the_nearest_point_of_the_ball_as_an_optimizer_finds_it(norm):
    change = torch.tensor([[1.5, -0.2, 0.7], [0.1, 0.2, -0.1]], dtype=torch.float64)
    projected = NORMS[norm].project(change, 0.6)
    squares = {"linf": lambda x: x**2, "l2": lambda x: (x**2).sum()}[norm]
    for row, near in zip(change.numpy(), projected.numpy(), strict=True):
        within = {"type": "ineq", "fun": lambda x: 0.36 - squares(x)}
        found = minimize(lambda x, row=row: ((x - row) ** 2).sum(), np.zeros(3), constraints=within)
        np.testing.assert_allclose(near, found.x, atol=1e-4)


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_the_steepest_way_is_the_best_of_many_of_norm_one(norm):
    gradient = torch.tensor([[0.3, -1.2, 0.0, 0.5]])
    way = NORMS[norm].steepest(gradient)
    torch.testing.assert_close(NORMS[norm].size(way), torch.ones(1))
    others = torch.randn(4000, 4, generator=torch.Generator().manual_seed(0))
    others = others / NORMS[norm].size(others)[:, None]
    assert (others @ gradient[0]).max() <= (way @ gradient[0]).item() + 1e-6


def test_a_tiny_gradient_has_a_way_and_none_has_none():
    gradient = torch.tensor([[1e-38, 0.0], [0.0, 0.0]])
    assert NORMS["l2"].steepest(gradient).tolist() == [[1.0, 0.0], [0.0, 0.0]]


@pytest.mark.parametrize(("norm", "half"), [("linf", 0.5**3), ("l2", 0.5**3)])
def test_what_is_drawn_is_uniform_in_the_ball(norm, half):
    drawn = NORMS[norm].random(draw_each(20_000), torch.zeros(20_000, 3), 0.4)
    sizes = NORMS[norm].size(drawn)
    assert sizes.max() <= 0.4 + 1e-6
    assert abs((sizes < 0.2).double().mean().item() - half) < 0.01  # by the volume of a half ball
    assert drawn.mean(0).abs().max() < 0.01
