"""The outputs of text networks against other implementations and the slow way."""

from functools import cache

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from lepton import build
from lepton.config.check import check
from lepton.config.compose import compose
from lepton.example import make_batch, make_text_spec
from lepton.model.text_cnn import TextCnn
from tests.quick import quick

NAMES = ["bag_of_embeddings", "text_cnn", "transformer_tiny"]


@cache
def node(name):
    return check(compose(f"model={name}", "dataset=vader"))["model"]


def network(name, spec, **changes):
    torch.manual_seed(0)
    return build.instantiate(node(name) | changes, "model", spec=spec)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_layers_go_from_the_embeddings_to_the_head(name):
    layers = network(name, make_text_spec("binary")).layers()
    assert "embeddings" in layers[0]
    assert layers[-1] == "head"


@pytest.mark.parametrize("name", NAMES)
def test_the_features_of_a_text_are_one_row(name):
    spec = make_text_spec("multiclass", texts=2)
    model, batch = network(name, spec).eval(), make_batch(spec)
    features = model.features(batch)
    assert features.shape == (64, features.shape[1])
    assert torch.equal(model(batch), model.head(features))


@pytest.mark.parametrize("name", NAMES)
def test_what_stands_behind_a_text_changes_nothing(name):
    spec = make_text_spec("multiclass", texts=2)
    model, batch = network(name, spec).eval(), make_batch(spec)
    noise = torch.randint(1, spec.vocabulary, batch["tokens"].shape)
    other = {**batch, "tokens": torch.where(batch["mask"], batch["tokens"], noise)}
    torch.testing.assert_close(model(other), model(batch), rtol=1e-5, atol=1e-5)


def test_a_bag_is_the_mean_of_the_embeddings_of_its_tokens():
    spec = make_text_spec("binary")
    model, batch = network("bag_of_embeddings", spec).eval(), make_batch(spec)
    features, table = model.features(batch), model.embeddings.table.weight
    for row, tokens, mask in zip(features, batch["tokens"], batch["mask"], strict=True):
        torch.testing.assert_close(row, table[tokens[mask]].mean(0))


def test_the_bags_of_a_pair_are_compared():
    spec = make_text_spec("binary", texts=2)
    model, batch = network("bag_of_embeddings", spec).eval(), make_batch(spec)
    features, table = model.features(batch), model.embeddings.table.weight
    i = 5
    mask, in_second = batch["mask"][i], batch["segments"][i].bool()
    first = table[batch["tokens"][i][mask & ~in_second]].mean(0)
    second = table[batch["tokens"][i][in_second]].mean(0)
    torch.testing.assert_close(
        features[i],
        torch.cat([first, second, (first - second).abs(), first * second]),
        rtol=1e-5,
        atol=1e-6,
    )


def test_a_filter_keeps_its_largest_output_over_the_windows_of_a_text():
    spec = make_text_spec("binary")
    model = TextCnn(spec=spec, tokenizer=None, width=6, kernels=[2, 3], filters=4, dropout=0.0)
    batch = make_batch(spec)
    features, table = model.features(batch), model.embeddings.table.weight
    for row, tokens, mask in zip(features, batch["tokens"], batch["mask"], strict=True):
        embedded, maxima = table[tokens[mask]], []
        for convolution in model.convolutions:
            k = convolution.kernel_size[0]
            padded = F.pad(embedded, (0, 0, (k - 1) // 2, k - 1 - (k - 1) // 2))
            windows = padded.unfold(0, k, 1)  # (places, width, k)
            scores = torch.einsum("twk,fwk->tf", windows, convolution.weight) + convolution.bias
            maxima.append(scores.amax(0))
        torch.testing.assert_close(row, torch.cat(maxima).relu(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", quick(NAMES, "bag_of_embeddings"))
def test_training_tells_which_token_decides(name):
    spec = make_text_spec("binary")
    batch = make_batch(spec, rows=128)
    target = (batch["tokens"] == 7).any(1).float()
    model = network(name, spec, dropout=0.0)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(60):
        loss = F.binary_cross_entropy_with_logits(model(batch).squeeze(-1), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    constant = F.binary_cross_entropy(target.mean().expand_as(target), target)
    assert loss < 0.6 * constant


def test_the_head_has_dropout_of_its_own():
    model = network("text_cnn", make_text_spec("binary"))
    assert isinstance(model.head[0], nn.Dropout)
    assert model.head[0].p == 0.5
