"""A head on features by itself."""

import copy

import pytest
import torch
from torch import nn

from lepton.errors import ConfigError
from lepton.finetune.full import Full
from lepton.finetune.machinery.head_probe import HeadProbe
from lepton.finetune.machinery.probing import head_alone
from lepton.method import Method


class HeadOnly(nn.Module):
    """Nothing but a head."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.head = nn.Sequential(nn.Dropout(0.0), nn.Linear(5, 3))

    def layers(self):
        return ["head"]


def train_probe(probe, features, target):
    optimizer = torch.optim.AdamW(probe.parameters(), lr=0.01)
    for _ in range(30):
        loss = nn.functional.cross_entropy(probe({"features": features}), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


@pytest.fixture
def features():
    inputs = torch.randn(200, 5, generator=torch.Generator().manual_seed(1))
    return inputs, (inputs[:, 0] + inputs[:, 1] ** 2 > 0.5).long() + (inputs[:, 2] > 1)


def test_a_standardized_head_is_the_same_function_before_training_and_after(features):
    inputs, target = features
    inputs = torch.cat(
        [inputs[:, :4] * torch.tensor([1e-3, 1.0, 50.0, 1.0]) + 7, torch.ones(200, 1)], 1
    )
    model = HeadOnly()
    expected = model.head(inputs)
    probe = HeadProbe(model, inputs)
    torch.testing.assert_close(probe({"features": inputs}), expected, atol=1e-4, rtol=1e-4)
    train_probe(probe, inputs, target)
    learned = probe({"features": inputs})
    assert (learned - expected).abs().max() > 0.1
    probe.fold()
    probe.fold()
    for outputs in (probe({"features": inputs}), model.head(inputs)):
        torch.testing.assert_close(outputs, learned, atol=1e-3, rtol=1e-3)


def test_a_standardized_head_learns_the_same_from_features_of_another_scale_and_origin(features):
    inputs, target = features
    model, scaled_model = HeadOnly(), HeadOnly()
    scale, offset = torch.tensor([1e-2, 1.0, 30.0, 0.5, 4.0]), torch.arange(5.0)
    with torch.no_grad():  # the same function of the other features
        linear = scaled_model.head[1]
        linear.weight /= scale
        linear.bias -= linear.weight @ offset
    for trained_model, features in ((model, inputs), (scaled_model, inputs * scale + offset)):
        probe = HeadProbe(trained_model, features)
        train_probe(probe, features, target)
        probe.fold()
    torch.testing.assert_close(
        scaled_model.head(inputs * scale + offset), model.head(inputs), atol=1e-3, rtol=1e-3
    )


@pytest.mark.parametrize(
    "head",
    [nn.Sequential(nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 3)), nn.Linear(5, 3, bias=False)],
)
def test_a_head_that_is_more_or_less_than_a_linear_layer_gets_features_as_they_are(head, features):
    model = HeadOnly()
    model.head = head
    state = copy.deepcopy(head.state_dict())
    probe = HeadProbe(model, features[0])
    assert torch.equal(probe({"features": features[0]}), head(features[0]))
    probe.fold()
    assert all(torch.equal(state[name], tensor) for name, tensor in head.state_dict().items())


class Probing(Method):
    """A strategy that trains the head alone, as its option says or not."""

    probes = True

    def __init__(self, **attributes):
        vars(self).update(attributes)


def test_a_strategy_says_that_it_trains_the_head_alone_and_on_which_features():
    strategy = Probing(standardize=False)
    assert head_alone(strategy) is strategy
    assert head_alone(Method()) is None
    assert head_alone(Full()) is None
    with pytest.raises(ConfigError, match="Probing probes and has no `standardize`"):
        head_alone(Probing())
