import pytest
import torch
from torch import nn

from lepton.errors import ConfigError
from lepton.example import make_spec
from lepton.regularization.l1 import L1


def model():
    return nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4), nn.Embedding(2, 2), nn.Linear(4, 1))


def prepared(net):
    method = L1(rate=0.5)
    method.prepare(net, make_spec("binary"))
    return method


def test_the_gradient_is_the_sign_of_decayed_weights_and_nothing_else():
    net = model()
    prepared(net).penalty(net).backward()
    for name, p in net.named_parameters():
        if name in ("0.weight", "3.weight"):
            assert torch.equal(p.grad, 0.5 * p.sign())
        else:
            assert p.grad is None


def test_the_value_is_the_sum_of_absolute_weights():
    net = nn.Linear(2, 1)
    nn.init.constant_(net.weight, -3.0)
    assert prepared(net).penalty(net).item() == 3.0


def test_frozen_weights_cost_nothing():
    net = model().requires_grad_(False)
    assert float(prepared(net).penalty(net)) == 0.0


def test_a_negative_rate_is_refused():
    with pytest.raises(ConfigError, match=r"regularization\.l1\.rate: -1\.0 is negative"):
        L1(rate=-1.0)
