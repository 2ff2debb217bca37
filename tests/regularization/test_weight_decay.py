import copy

import pytest
import torch
from torch import nn

from lepton.errors import ConfigError
from lepton.regularization.weight_decay import WeightDecay


def model():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1)).double()


def groups(net):
    named = list(net.named_parameters())
    weights = [p for name, p in named if name.endswith("weight")]
    biases = [p for name, p in named if name.endswith("bias")]
    return [{"params": weights, "decay": True}, {"params": biases, "decay": False}]


def train(net, optimizer, method=None):
    g = torch.Generator().manual_seed(1)
    for step in range(20):
        x = torch.randn(16, 4, generator=g, dtype=torch.float64)
        optimizer.zero_grad()
        (net(x) - x[:, :1]).square().mean().backward()
        for group in optimizer.param_groups:
            group["lr"] = 0.1 / (1 + step)
        if method:
            method.before_step(net, optimizer)
        optimizer.step()


def test_adam_with_it_is_adamw():
    ours, theirs = model(), model()
    train(ours, torch.optim.Adam(groups(ours), lr=0.1), WeightDecay(rate=0.3))
    weights, biases = groups(theirs)
    adamw = torch.optim.AdamW([weights | {"weight_decay": 0.3}, biases | {"weight_decay": 0.0}])
    train(theirs, adamw)
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)


def test_parameters_without_a_gradient_stay():
    net = model()
    before = copy.deepcopy(net.state_dict())
    optimizer = torch.optim.SGD(groups(net), lr=0.1)
    WeightDecay(rate=0.3).before_step(net, optimizer)
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())


def test_a_negative_rate_is_refused():
    with pytest.raises(ConfigError, match=r"regularization\.weight_decay\.rate: -0\.1 is negative"):
        WeightDecay(rate=-0.1)
