"""Averaged weights: of the right runs alone, and with statistics of the mean network."""

import shutil

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file, save_file

from lepton import build, load_model, train
from lepton.config.check import check
from lepton.config.compose import compose
from lepton.derived.inputs import find_inputs
from lepton.ensemble.machinery.soup_checks import init_from
from lepton.ensemble.machinery.weight_averaging import WeightAverager
from lepton.errors import ConfigError, LeptonError
from lepton.storage.run_folder import read_config
from tests.ensemble.conftest import MLP, RESNET, SMALL


def weights(folder):
    return load_file(folder / "model.safetensors")


def test_the_weights_are_the_mean_of_the_members(study, ensemble):
    folders = study("soups")
    summary = ensemble("runs=soups", "method=soup", "keep=true")
    averaged, states = weights(summary.folder), [weights(folder) for folder in folders]
    assert list(summary.members["weight"]) == [1 / 3] * 3
    for name, tensor in averaged.items():
        if "running" not in name and "num_batches" not in name:
            mean = np.mean([state[name].numpy() for state in states], axis=0)
            np.testing.assert_allclose(tensor.numpy(), mean, rtol=1e-6, atol=1e-7)
    assert any("running_mean" in name for name in averaged)


@pytest.mark.slow
def test_batch_statistics_are_those_of_the_training_split_under_the_mean_weights(study, ensemble):
    study("soups")
    summary = ensemble("runs=soups", "method=soup", "keep=true")
    predictor = load_model(summary.folder)
    network = predictor.learner.model
    norm = next(m for m in network.modules() if isinstance(m, torch.nn.BatchNorm1d))
    inputs_of_norm = []
    norm.register_forward_hook(lambda module, inputs, _: inputs_of_norm.append(inputs[0]))
    config = read_config(summary.folder / "config.yaml")
    config.pop("ensemble")
    data = build.data(config)
    assert len(data.splits["train"]["id"]) % data.batch_size == 0  # else batches weigh differently
    predictor.learner.predict(data.splits["train"])
    torch.testing.assert_close(
        norm.running_mean, torch.cat(inputs_of_norm).mean(0), rtol=1e-4, atol=1e-5
    )


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["full", "head", "bitfit"])
def test_batch_statistics_that_fine_tuning_left_stay_and_others_are_computed_anew(
    strategy, run_once, ensemble
):
    source = run_once(*SMALL, *RESNET, "dataset.data_seed=7", "study=source")
    tuned = (*SMALL, *RESNET, f"finetune={strategy}", f"init_from={source}")
    folders = [run_once(*tuned, f"optimizer.lr={lr}") for lr in ("1e-2", "1e-1")]
    soup = weights(ensemble("runs=default", "method=soup", "keep=true").folder)
    start, states = weights(source), [weights(folder) for folder in folders]
    names = [name for name in soup if "running_var" in name]
    assert names
    for name in names:
        same = [state[name].equal(start[name]) for state in states]
        assert same == [strategy == "head"] * 2
        assert soup[name].equal(start[name]) == (strategy == "head")


@pytest.mark.slow
def test_batch_statistics_beside_adapters_stay_where_these_are_added_into_the_weights(
    run_once, ensemble
):
    source = run_once(*SMALL, *RESNET, "dataset.data_seed=7", "study=source")
    for seed in (0, 1):
        tuned = ("finetune=lora", f"init_from={source}", "optimizer.lr=0.1", f"seed={seed}")
        run_once(*SMALL, *RESNET, *tuned)
    soup = weights(ensemble("runs=default", "method=soup", "keep=true").folder)
    start = weights(source)
    names = [name for name in start if "running" in name]
    assert names
    assert all(soup[name].equal(start[name]) for name in names)


@pytest.mark.slow
def test_a_soup_is_an_ordinary_run_of_a_network(study, ensemble):
    study("soups")
    folder = ensemble("runs=soups", "method=soup", "keep=true").folder
    raw = build.data(check(compose(*SMALL))).read()[0]
    for path in folder.parent.iterdir():
        if path != folder:
            shutil.rmtree(path)  # it needs none of its members any more
    for split in ("val", "test"):
        frame = pd.read_parquet(folder / "predictions" / f"{split}.parquet").set_index("id")
        predicted = load_model(folder).predict_raw(raw.loc[frame.index])
        pd.testing.assert_series_equal(
            predicted["prediction"], frame["prediction"], check_names=False
        )


@pytest.mark.slow
def test_a_greedy_soup_never_scores_below_its_best_member(study, ensemble):
    study("soups")
    summary = ensemble("runs=soups", "method=greedy_soup", "keep=true")
    assert summary.facts["score"] >= summary.facts["best"]["score"]
    assert summary.members["weight"].iloc[0] > 0
    is_used = summary.members["weight"] > 0
    assert set(summary.members["weight"][is_used]) == {1 / is_used.sum()}


@pytest.mark.slow
def test_a_soup_of_one_is_that_member_with_its_own_statistics(study):
    members = find_inputs([str(folder) for folder in study("soups")], command="ensemble").inputs
    average = WeightAverager(members)
    average.mix([0, 1])
    average.mix([2])
    expected = members[2].splits["test"].prediction
    torch.testing.assert_close(average.predict("test"), expected, rtol=0, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("runs", "message"),
    [
        ([(*MLP, "seed=0"), (*MLP, "seed=1")], r"different weights \(seed [01] and [01]\)"),
        ([MLP, ("model=linear",)], "different models"),
        ([MLP, ("model=gradient_boosting", "model.max_iter=5")], "needs networks"),
        ([MLP, (*MLP, "preprocessing=standard")], "different preprocessing"),
        ([RESNET, (*RESNET, "model.width=8")], "different models"),
    ],
)
def test_runs_of_other_initial_weights_are_refused_and_named(here, ensemble, runs, message):
    names = [train(compose(*SMALL, "trainer.max_epochs=1", *overrides)).run for overrides in runs]
    for method in ("soup", "greedy_soup"):
        with pytest.raises(ConfigError, match=message) as e:
            ensemble("runs=default", f"method={method}")
        assert any(name in str(e.value) for name in names)


@pytest.mark.slow
def test_weights_that_were_trained_on_the_validation_rows_are_no_part_of_a_soup(here, ensemble):
    inside = (*MLP, "dataset.validation=inside", "trainer.max_epochs=1")
    for lr in ("1e-3", "1e-2"):
        train(compose(*SMALL, *inside, f"optimizer.lr={lr}"))
    with pytest.raises(LeptonError, match="validation=inside leaves no validation rows that its"):
        ensemble("runs=default", "method=soup")


@pytest.mark.slow
def test_data_that_changed_since_are_told(here, ensemble):
    (here / "d.csv").write_text("a,y\n" + "".join(f"{i % 7},{i * 5 % 3 % 2}\n" for i in range(90)))
    data = ("dataset=csv", "dataset.path=d.csv", "dataset.target=y", "trainer.max_epochs=1", *MLP)
    for lr in ("1e-3", "1e-2"):
        train(compose(*data, f"optimizer.lr={lr}"))
    (here / "d.csv").write_text("a,y\n" + "".join(f"{i % 7},{i * 7 % 5 % 2}\n" for i in range(90)))
    with pytest.raises(LeptonError, match="no longer what it was trained on"):
        ensemble("runs=default", "method=soup")


def test_init_from_is_found_wherever_a_config_has_it():
    assert init_from({"model": {"a": 1}, "init_from": "runs/a/b"}) == "runs/a/b"
    assert init_from({"model": {"init_from": "x"}}) == "x"
    assert init_from({"init_from": None, "model": {"a": {}}}) is None


@pytest.mark.slow
@pytest.mark.parametrize("damage", ["other shape", "not a file of weights"])
def test_weights_that_cannot_be_averaged_are_told_in_a_line(study, ensemble, damage):
    folder, other, *_ = study("soups")
    path = other / "model.safetensors"
    state = weights(folder)
    if damage == "other shape":
        save_file({name: t[:1].clone() if t.ndim else t for name, t in state.items()}, path)
    else:
        path.write_bytes(b"damaged")
    with pytest.raises(LeptonError, match=other.name) as e:
        ensemble("runs=soups", "method=soup")
    assert len(str(e.value).splitlines()) == 1
