"""A head on features by itself."""

import copy

import pytest
import torch
from torch import nn

from lepton.finetune.machinery.head_probe import HeadProbe


class Model(nn.Module):
    """Nothing but a head."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.head = nn.Sequential(nn.Dropout(0.0), nn.Linear(5, 3))

    def layers(self):
        return ["head"]


def trained(probe, features, target):
    optimizer = torch.optim.AdamW(probe.parameters(), lr=0.01)
    for _ in range(30):
        loss = nn.functional.cross_entropy(probe({"features": features}), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


@pytest.fixture
def features():
    x = torch.randn(200, 5, generator=torch.Generator().manual_seed(1))
    return x, (x[:, 0] + x[:, 1] ** 2 > 0.5).long() + (x[:, 2] > 1)


def test_a_standardized_head_is_the_same_function_before_training_and_after(features):
    x, target = features
    x = torch.cat([x[:, :4] * torch.tensor([1e-3, 1.0, 50.0, 1.0]) + 7, torch.ones(200, 1)], 1)
    model = Model()
    expected = model.head(x)
    probe = HeadProbe(model, x)
    torch.testing.assert_close(probe({"features": x}), expected, atol=1e-4, rtol=1e-4)
    trained(probe, x, target)
    learned = probe({"features": x})
    assert (learned - expected).abs().max() > 0.1
    probe.fold()
    probe.fold()
    for ours in (probe({"features": x}), model.head(x)):
        torch.testing.assert_close(ours, learned, atol=1e-3, rtol=1e-3)


def test_a_standardized_head_learns_the_same_from_features_of_another_scale_and_origin(features):
    x, target = features
    one, other = Model(), Model()
    scale, offset = torch.tensor([1e-2, 1.0, 30.0, 0.5, 4.0]), torch.arange(5.0)
    with torch.no_grad():  # the same function of the other features
        linear = other.head[1]
        linear.weight /= scale
        linear.bias -= linear.weight @ offset
    for model, features in ((one, x), (other, x * scale + offset)):
        probe = HeadProbe(model, features)
        trained(probe, features, target)
        probe.fold()
    torch.testing.assert_close(other.head(x * scale + offset), one.head(x), atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize(
    "head",
    [nn.Sequential(nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 3)), nn.Linear(5, 3, bias=False)],
)
def test_a_head_that_is_more_or_less_than_a_linear_layer_gets_features_as_they_are(head, features):
    model = Model()
    model.head = head
    state = copy.deepcopy(head.state_dict())
    probe = HeadProbe(model, features[0])
    assert torch.equal(probe({"features": features[0]}), head(features[0]))
    probe.fold()
    assert all(torch.equal(state[name], tensor) for name, tensor in head.state_dict().items())
