"""A head on features by itself."""

import copy

import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from lepton.errors import ConfigError
from lepton.example import make_spec
from lepton.finetune.head import Head
from lepton.finetune.machinery.head_probe import HeadProbe


class HeadOnly(nn.Module):
    """Nothing but a head."""

    def __init__(self, width=5):
        super().__init__()
        torch.manual_seed(0)
        self.head = nn.Sequential(nn.Dropout(0.0), nn.Linear(width, 3))

    def layers(self):
        return ["head"]


def train_probe(probe, features, target, optimizer_class=torch.optim.AdamW, lr=0.01):
    optimizer = optimizer_class(probe.parameters(), lr=lr)
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


def started(model, start):
    """The model, prepared for a head that begins so."""
    strategy = Head(start=start, standardize=True, keep=None)
    return strategy.prepare(model, make_spec("multiclass"))


def test_a_head_from_zero_is_as_good_as_logistic_regression_on_large_features_far_from_zero():
    generator = torch.Generator().manual_seed(2)
    inputs = 3 * torch.randn(900, 40, generator=generator) + 11
    noise = 2 * torch.randn(900, 3, generator=generator)
    target = (inputs[:, :3] - 11 + noise).argmax(1)
    (known, new), (learned, asked) = inputs.split([600, 300]), target.split([600, 300])
    regression = make_pipeline(StandardScaler(), LogisticRegression(C=0.1)).fit(known, learned)
    losses = {}
    for start in ("zeros", None):
        model = started(HeadOnly(40), start)
        probe = HeadProbe(model, known)
        if start == "zeros":
            assert torch.equal(probe({"features": new}), torch.zeros(300, 3))
        train_probe(probe, known, learned, torch.optim.SGD, lr=0.3)
        probe.fold()
        losses[start] = nn.functional.cross_entropy(model.head(new), asked).item()
    best = torch.from_numpy(regression.predict_log_proba(new))
    expected = nn.functional.nll_loss(best, asked).item()
    assert losses["zeros"] < 1.02 * expected < 1.3 * expected < losses[None]


def test_a_head_of_two_layers_learns_nothing_from_zero_and_is_refused():
    model = HeadOnly()
    model.head = nn.Sequential(nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 3))
    with pytest.raises(ConfigError, match=r"start=zeros: the head of HeadOnly is no single linear"):
        started(model, "zeros")


def test_a_head_that_shares_weights_with_layers_below_it_is_refused():
    model = HeadOnly()
    model.below = nn.Linear(3, 3)
    started(model, None)
    model.below.bias = model.head[1].bias
    for start in (None, "zeros"):
        with pytest.raises(ConfigError, match="shares weights with other layers"):
            started(model, start)
    assert model.head[1].bias.abs().sum() > 0
