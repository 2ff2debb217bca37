"""Pairs of rows that tune what lies below the head, and the head that is trained on it after."""

import copy
import itertools
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from lepton.errors import ConfigError
from lepton.finetune.contrastive import PairsThenHead
from lepton.finetune.machinery.layers import named_layers, parameters_under
from lepton.finetune.machinery.pair_data import PairData, PairSampler
from lepton.finetune.machinery.pair_loss import pair_loss
from lepton.run import read_data
from lepton.storage.results import read_result
from lepton.storage.run_folder import read_config
from lepton.training.learner import load_network
from tests.finetune.conftest import MODELS, TABLE, training_overrides

CONTRASTIVE = ("finetune=contrastive", "finetune.rounds=2")


def sampler(classes, rounds=3, seed=0):
    classes = torch.tensor(classes)
    rows = torch.arange(len(classes)) + 10
    return PairSampler(rows=rows, classes=classes, rounds=rounds, seed=seed)


def test_each_row_stands_beside_another_of_its_class_and_none_is_left_out():
    classes = [0, 2, 0, 2, 1, 0, 1, 1, 0]
    drawn = sampler(classes)
    assert len(drawn) == len(drawn.draw()) == 3 * 10  # of the class of three rows one comes twice
    for round_rows in drawn.draw().split(10):
        assert {*round_rows.tolist()} == {*range(10, 19)}
        for first, second in round_rows.view(-1, 2).tolist():
            assert first != second
            assert classes[first - 10] == classes[second - 10]


def test_a_row_alone_in_its_class_is_its_own_partner():
    rows = sampler([0, 1, 1], rounds=1).draw().view(-1, 2).tolist()
    assert [10, 10] in rows
    assert {11, 12} in [{*pair} for pair in rows]


def test_pairs_are_those_of_the_seed_and_others_in_each_round_and_epoch():
    classes = [0, 1] * 8
    first, again = sampler(classes), sampler(classes)
    assert torch.equal(first.draw(), again.draw())
    other = sampler(classes, seed=1)
    assert not torch.equal(first.draw(), other.draw())
    one, two, _ = first.draw().split(16)
    assert not torch.equal(one, two)
    again.set_epoch(1)
    assert not torch.equal(first.draw(), again.draw())


def test_the_loss_is_that_of_each_pair_by_hand_with_those_of_one_class_and_of_two_alike():
    torch.manual_seed(0)
    features, classes = torch.randn(7, 5), [0, 1, 1, 0, 2, 0, 1]
    errors = {True: [], False: []}
    for i, j in itertools.combinations(range(7), 2):
        a, b = features[i].double().numpy(), features[j].double().numpy()
        cosine = a @ b / np.sqrt((a @ a) * (b @ b))
        is_same = classes[i] == classes[j]
        errors[is_same].append((float(is_same) - cosine) ** 2)
    expected = (np.mean(errors[True]) + np.mean(errors[False])) / 2
    numbers = torch.tensor(classes)
    agreement = (numbers[:, None] == numbers).float()
    assert float(pair_loss(features, agreement)) == pytest.approx(expected, rel=1e-5)
    weight = torch.tensor([1.0, 1, 0, 1, 1, 0, 1])
    kept = weight.bool()
    without = pair_loss(features[kept], agreement[kept][:, kept])
    torch.testing.assert_close(pair_loss(features, agreement, weight), without)
    parallel = torch.stack([features, features.flip(0)], 1)
    flipped = pair_loss(features.flip(0), agreement)
    mean = (pair_loss(features, agreement) + flipped) / 2
    torch.testing.assert_close(pair_loss(parallel, agreement), mean)


@pytest.mark.parametrize("agreement", [torch.ones(3, 3), torch.eye(3)])
def test_a_batch_of_pairs_of_one_kind_has_a_loss_and_gradients_that_are_finite(agreement):
    features = torch.randn(3, 4, requires_grad=True)
    loss = pair_loss(features, agreement)
    loss.backward()
    assert 0 < float(loss.detach()) < 4
    assert features.grad.isfinite().all()


@pytest.mark.slow
def test_targets_that_were_mixed_are_as_near_as_draws_of_their_classes_agree(build_network):
    overrides = (*TABLE, *MODELS["mlp"], "dataset.classes=2")
    for words, target in (
        (overrides[:-1], torch.tensor([[0.5, 0.5, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])),
        (overrides, torch.tensor([0.25, 1.0, 0.0])),
    ):
        network, data = build_network(*words)
        method = strategy()
        model = method.prepare(network.model, data.spec).eval()
        rows = {name: tensor[:3] for name, tensor in data.splits["train"].items()}
        shares = target if target.ndim == 2 else torch.stack([1 - target, target], 1)
        agreement = (shares[:, None] * shares[None]).sum(-1)
        logits = model(rows)
        loss = method.loss(model, network.task, rows | {"target": target}, logits.sum())
        torch.testing.assert_close(loss, pair_loss(model.features(rows), agreement))


def strategy():
    settings = {"rounds": 2, "pair_batch_size": 16, "head_lr": 0.01}
    return PairsThenHead(**settings, start=None, standardize=False)


@pytest.fixture
def tuned_by_pairs(monkeypatch):
    """The states of networks at the end of their pairs."""
    states, thaw = [], PairsThenHead.thaw

    def recording_thaw(self, model):
        states.append({name: tensor.clone() for name, tensor in model.state_dict().items()})
        thaw(self, model)

    monkeypatch.setattr(PairsThenHead, "thaw", recording_thaw)
    return states


@pytest.mark.slow
@pytest.mark.parametrize("standardize", ["true", "false"])
def test_the_head_is_trained_as_alone_on_what_the_pairs_have_tuned(
    standardize, tuned_by_pairs, build_network, pretrained, tune, tmp_path
):
    source, rate = pretrained(), f"finetune.standardize={standardize}"
    words = ("finetune.start=null", rate)
    folder = tune("contrastive", "mlp", CONTRASTIVE[1], "finetune.head_lr=0.02", *words)
    [pairs] = tuned_by_pairs
    start = ("finetune=head", f"init_from={source}", "optimizer.lr=0.02", *words)
    clipped = "regularization=gradient_clipping"
    network, data = build_network(*training_overrides("mlp", other=True), *start, clipped)
    first = copy.deepcopy(network.model.state_dict())
    network.model.load_state_dict(pairs)
    network.fit(data, tmp_path)
    final, alone = load_file(folder / "model.safetensors"), network.model.state_dict()
    head = parameters_under(network.model, named_layers(network.model)[-1])
    for name, tensor in final.items():
        assert torch.equal(tensor, alone[name]), name
        assert torch.equal(tensor, pairs[name]) == (name not in head), name
    moved = {name for name in pairs if not torch.equal(pairs[name], first[name])}
    assert {n for n, _ in network.model.named_parameters()} - moved == {*head}
    history = pd.read_parquet(folder / "history.parquet")
    assert list(history["epoch"]) == list(range(4))  # all rounds of the pairs are the first
    assert read_result(folder).trainable == read_result(folder).parameters


@pytest.mark.slow
def test_pairs_draw_rows_of_one_class_together(tune, tuned_by_pairs, pretrained):
    source = pretrained()
    folder = tune("contrastive", "mlp", "finetune.rounds=20", "optimizer.lr=0.01", source=source)
    network = load_network(folder)
    rows = read_data(read_config(folder / "config.yaml")).splits["train"]
    agreement = (rows["target"][:, None] == rows["target"]).float()
    after = pair_loss(network.features(rows), agreement)
    network.model.load_state_dict(tuned_by_pairs[0])
    untuned = load_network(source)
    before = pair_loss(untuned.features(rows), agreement)
    assert float(after) < 0.7 * float(before)


@pytest.mark.slow
def test_features_of_what_was_tuned_are_not_kept_as_those_of_the_start(tune, pretrained, cache):
    source = pretrained("reader")
    tune("full", "reader", source=source)

    def kept():
        return {path: path.read_bytes() for path in (cache / "features").rglob("*.safetensors")}

    before = kept()
    assert len(before) == 3  # a split each
    folder = tune("contrastive", "reader", CONTRASTIVE[1], "optimizer.lr=0.01", source=source)
    assert kept() == before
    assert folder.is_dir()


@pytest.mark.slow
def test_methods_whose_loss_is_of_predictions_act_on_the_head_alone(build_network, pretrained):
    methods = "regularization=[gradient_clipping,l1,rdrop]"
    start = (*CONTRASTIVE, f"init_from={pretrained()}", methods)
    network, data = build_network(*training_overrides("mlp", other=True), *start)
    pairs, head = network.prepare_phases(data)
    left_out = [method.stream_name for method in network.methods if method not in pairs.methods]
    assert left_out == ["regularization.rdrop"]
    assert len(pairs.methods) == len(network.methods) - 1
    assert head.methods is None


@pytest.mark.slow
def test_batches_of_pairs_are_no_larger_than_a_round_and_hold_what_their_sampler_draws(
    build_network, pretrained
):
    start = (f"init_from={pretrained('reader')}", "finetune=contrastive", "finetune.rounds=3")
    _, data = build_network(*training_overrides("reader", other=True), *start)
    data.splits["train"] = {n: t[:10] for n, t in data.splits["train"].items()}
    loader = PairData(data, rounds=3, batch_size=16).train_dataloader()
    batches = [batch for block in loader for batch in block]
    drawn = data.splits["train"]["id"][loader.sampler.draw()]
    assert torch.equal(torch.cat([batch["id"] for batch in batches]), drawn)
    [size, *_] = sizes = [len(batch["id"]) for batch in batches]
    assert sizes == [size] * 3
    for batch in batches:
        longest = batch["mask"].sum(1).max()
        assert batch["tokens"].shape == (size, longest)  # padded no further


@pytest.mark.slow
@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("dataset.classes=0", "pairs are of one class or of two, and regression has no such"),
        ("dataset.labels=3", "pairs are of one class or of two, and multilabel has no such"),
    ],
)
def test_a_target_without_classes_is_told_before_anything_is_trained(
    target, message, pretrained, lepton
):
    words = (*TABLE, *MODELS["mlp"], target, *CONTRASTIVE, f"init_from={pretrained()}")
    code, _, output = lepton("check", *words)
    assert code == 2
    assert message in output
    assert "Traceback" not in output


def test_rows_of_one_class_are_told_to_make_no_pair_apart(build_network):
    network, _ = build_network(*TABLE, *MODELS["mlp"])
    spec = replace(network.spec, class_counts=(9, 0, 0))
    with pytest.raises(ConfigError, match="all rows of train are of one class, of which no pair"):
        strategy().prepare(network.model, spec)


@pytest.mark.slow
def test_an_example_of_each_class_is_tuned_by_pairs_apart(tune, tuned_by_pairs, pretrained):
    source = pretrained()
    folder = tune("contrastive", "mlp", CONTRASTIVE[1], "dataset.shots=1", source=source)
    assert read_result(folder).rows["train"] == 4
    start = load_network(source).model.state_dict()
    moved = {n for n, t in tuned_by_pairs[0].items() if not torch.equal(t, start[n])}
    assert moved >= {"blocks.0.weight", "blocks.4.weight"}


@pytest.mark.slow
def test_a_head_begins_as_the_linear_one_that_scikit_learn_fits_to_what_was_tuned(
    tune, tuned_by_pairs, pretrained
):
    strengths = "linear_probe.strengths=[1.0]"
    folder = tune("contrastive", "mlp", CONTRASTIVE[1], strengths, "finetune.head_lr=1e-12")
    network, splits = load_network(folder), read_data(read_config(folder / "config.yaml")).splits
    network.model.load_state_dict(tuned_by_pairs[0])
    features = {split: network.features(rows).double().numpy() for split, rows in splits.items()}
    target = {split: rows["target"].numpy() for split, rows in splits.items()}
    losses = []
    for scaler in (None, StandardScaler()):
        head = make_pipeline(scaler, LogisticRegression(C=1.0, max_iter=500))
        head.fit(features["train"], target["train"])
        predicted = [head.predict_proba(features[split]) for split in ("val", "test")]
        losses.append(
            [log_loss(target[s], p) for s, p in zip(("val", "test"), predicted, strict=True)]
        )
    val, test = min(losses)
    metrics = read_result(folder).metrics
    assert metrics["val/log_loss"] == pytest.approx(val, rel=1e-3)
    assert metrics["test/log_loss"] == pytest.approx(test, rel=1e-3)
