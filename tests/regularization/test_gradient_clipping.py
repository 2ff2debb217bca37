import pytest
import torch
from torch import nn

from lepton.errors import ConfigError
from lepton.regularization.gradient_clipping import GradientClipping


def clipped(max_norm):
    model = nn.Linear(2, 1, bias=False)
    other = nn.Parameter(torch.zeros(1))
    model.weight.grad, other.grad = torch.tensor([[2.0, 3.0]]), torch.tensor([6.0])  # length 7
    optimizer = torch.optim.SGD([{"params": [model.weight]}, {"params": [other]}], lr=1.0)
    GradientClipping(max_norm=max_norm).before_step(model, optimizer)
    return torch.cat([model.weight.grad.flatten(), other.grad])


def test_a_long_gradient_keeps_its_direction_over_all_groups():
    expected = torch.tensor([2.0, 3.0, 6.0]) / 7 * 0.5
    torch.testing.assert_close(clipped(0.5), expected)


def test_a_short_gradient_stays():
    assert clipped(8.0).tolist() == [2.0, 3.0, 6.0]


def test_no_length_is_refused():
    with pytest.raises(ConfigError, match=r"regularization\.gradient_clipping\.max_norm: 0\.0"):
        GradientClipping(max_norm=0.0)
