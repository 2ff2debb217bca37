"""FGM, FreeLB and VAT on embeddings and features: beside formulas, and the papers' loops."""

import pytest
import torch
from torch.nn import functional as F

from lepton.adversarial.machinery.vectors import Vectors
from lepton.errors import ConfigError
from tests.adversarial.options import DATA, Case, made

TEXT = (*DATA["text"], "model.width=8", "model.dropout=0")
TABLE = (*DATA["table"], "dataset.categories=[3,4]", "model=mlp", "model.hidden=[6]")
TABLE = (*TABLE, "model.dropout=0")


@pytest.fixture(scope="module")
def text():
    return Case(*TEXT)


@pytest.fixture(scope="module")
def table():
    return Case(*TABLE)


def of_text(case, shift=0):
    """What a bag of embeddings says where the mean of a text has moved."""
    table, mask = case.model.embeddings.table.weight, case.batch["mask"].double()
    vectors = table[case.batch["tokens"]] * mask[..., None]
    mean = vectors.sum(1) / mask.sum(1, keepdim=True)
    return (mean + shift) @ case.model.head[1].weight.T + case.model.head[1].bias


@pytest.mark.slow
def test_fgms_rows_move_as_a_linear_model_says(text):
    """The mean of n embeddings, all of which move alike, moves by epsilon over the root of n."""
    case, weight = text, text.model.head[1].weight
    logits, target = of_text(case), case.encoded["target"]
    clean = case.task.loss(logits, target)
    slope = (logits.softmax(-1) - F.one_hot(target, logits.shape[1])) @ weight
    lengths = case.batch["mask"].double().sum(1, keepdim=True)
    std = case.model.embeddings.table.weight.std(correction=0).detach()
    shift = 3.0 * std / lengths.sqrt() * slope / slope.norm(dim=1, keepdim=True)
    moved = case.task.loss(of_text(case, shift.detach()), target)
    loss = case.loss(made("fgm", epsilon=3.0, alpha=0.5))
    torch.testing.assert_close(loss, clean + 0.5 * moved)
    assert moved > clean
    parameters = list(case.model.parameters())
    mine, theirs = (torch.autograd.grad(x, parameters) for x in (loss, clean + 0.5 * moved))
    torch.testing.assert_close(mine, theirs, rtol=1e-6, atol=1e-9)


@pytest.mark.slow
def test_freelbs_gradient_is_the_mean_of_those_along_the_climb_of_its_paper(table):
    case, steps, epsilon, step = table, 3, 2.0, 0.4
    embeddings = case.model.inputs.categories
    layer = embeddings.table
    std = layer.weight.std(correction=0).detach()
    values = embeddings(case.batch["cat"]).detach()
    rows, parameters = len(values), list(case.model.parameters())
    own = case.draw().each(case.batch["id"])
    count = values[0].numel()
    delta = epsilon * (2 * own.uniform(values.shape[1:]).double() - 1) / count**0.5
    total = [torch.zeros_like(p) for p in parameters]
    for _ in range(steps):
        delta.requires_grad_()
        handle = layer.register_forward_hook(lambda _, __, out, delta=delta: out + std * delta)
        loss = F.cross_entropy(case.model(case.batch), case.batch["target"])
        handle.remove()
        *of_weights, slope = torch.autograd.grad(loss, [*parameters, delta])
        total = [t + g / steps for t, g in zip(total, of_weights, strict=True)]
        slope = slope / slope.flatten(1).norm(dim=1).view(rows, 1, 1)
        delta = delta.detach() + step * epsilon * slope
        norm = delta.flatten(1).norm(dim=1).view(rows, 1, 1)
        delta = torch.where(norm > epsilon, delta * epsilon / norm, delta)
    method = made("freelb", epsilon=epsilon, step=step, steps=steps)
    mine = torch.autograd.grad(case.loss(method), parameters)
    torch.testing.assert_close(list(mine), total, rtol=1e-6, atol=1e-8)


def test_features_are_moved_as_the_head_alone_says(table):
    case, epsilon = table, 0.7
    features = case.model.features(case.batch)
    logits = case.model.head(features)
    p = logits.softmax(-1) - F.one_hot(case.batch["target"], logits.shape[1])
    slope = (p @ case.model.head.weight).detach()
    shift = epsilon * features.std(correction=0).detach() * slope / slope.norm(dim=1, keepdim=True)
    moved = F.cross_entropy(case.model.head(features + shift.detach()), case.batch["target"])
    loss = case.loss(made("fgm", at="features", epsilon=epsilon))
    torch.testing.assert_close(loss, F.cross_entropy(logits, case.batch["target"]) + moved)


def test_a_head_that_is_trained_alone_is_given_moved_features(table):
    head, features = torch.nn.Linear(4, 3).double(), torch.randn(6, 4).double()
    model = torch.nn.Module()
    model.forward = lambda batch: head(batch["features"])
    batch = {"features": features, "id": torch.arange(6)}
    vectors = Vectors("embeddings")
    change = {"features": torch.ones(6, 4).double()}
    torch.testing.assert_close(vectors.values(model, batch)["features"], features)
    said = vectors.logits(model, table.task, batch, change)
    torch.testing.assert_close(said, head(features + 1))


@pytest.mark.slow
def test_of_a_transformer_tokens_alone_move_not_places_and_segments():
    case = Case(*DATA["text"][:2], "model=transformer_tiny", "model.dropout=0")
    vectors = Vectors("embeddings")
    values = vectors.values(case.model, case.batch)
    [(name, value)] = values.items()
    assert name.endswith("word_embeddings")
    table = case.model.get_submodule(name).weight
    torch.testing.assert_close(value, table[case.batch["tokens"]])
    torch.testing.assert_close(vectors.units(case.model, values)[name], table.std(correction=0))


@pytest.mark.slow
@pytest.mark.parametrize("option", ["fgm", "freelb", "vat"])
def test_models_without_embeddings_are_refused_by_both_keys(option):
    values = {"at": "embeddings"} if option == "vat" else {}
    case_model = torch.nn.Sequential(torch.nn.Linear(2, 2))
    with pytest.raises(ConfigError, match=rf"^adversarial\.{option}\.at, model: Sequential"):
        made(option, **values).prepare(case_model, Case(*DATA["table"]).spec)
    with pytest.raises(ConfigError, match=rf"^adversarial\.{option}\.at, model: .*`head`"):
        made(option, at="features").prepare(case_model, Case(*DATA["table"]).spec)
