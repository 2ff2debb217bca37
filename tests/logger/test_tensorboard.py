"""What TensorBoard's own reader finds of runs that were told to it."""

import json
import math
from pathlib import Path

import pandas as pd
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

SMALL = ("dataset=wine", "trainer.max_epochs=3", "batch_size=64", "trainer.progress=false")
TO = "to=tensorboard"


def events_of(folder):
    """The folder of the event files of a run, read by TensorBoard."""
    events = EventAccumulator(
        str(folder.parents[1] / "tensorboard" / folder.parent.name / folder.name)
    )
    return events.Reload()


def curve(events, tag):
    return [(event.step, event.value) for event in events.Scalars(tag)]


def hparams(events):
    content = events.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    values = HParamsPluginData.FromString(content).session_start_info.hparams
    return {key: getattr(value, value.WhichOneof("kind")) for key, value in values.items()}


def assert_told_whole(folder):
    """TensorBoard holds what the files of the run say: nothing more, nothing less."""
    result, events = json.loads((folder / "result.json").read_text()), events_of(folder)
    history = pd.read_parquet(folder / "history.parquet")
    last = len(history)
    tags = {*events.Tags()["scalars"]}
    for tag in {name for name in history if "/" in name}:
        points = [(step, value) for step, value in curve(events, tag) if step < last]
        assert [step for step, _ in points] == list(range(last))
        assert [value for _, value in points] == pytest.approx(history[tag].tolist(), rel=1e-6)
    for name, value in result["metrics"].items():
        if math.isfinite(value):
            assert curve(events, name)[-1] == (last, pytest.approx(value, rel=1e-6))
    assert {*result["metrics"], "score"} <= tags
    told = hparams(events)
    assert told["study"] == folder.parent.name
    assert told["seed"] == result["config"]["seed"]
    assert told["choices.model"] == result["choices"]["model"]
    assert told["dataset._target_"] == result["config"]["dataset"]["_target_"]
    link = events.Tensors("folder/text_summary")[0].tensor_proto.string_val[0].decode()
    assert f"({folder.absolute().as_uri()})" in link
    return told


@pytest.mark.slow
def test_a_run_that_fails_has_been_told_while_it_trained(run, monkeypatch):
    from lepton import run as run_module

    monkeypatch.setattr(run_module, "evaluate", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run(*SMALL, "model=linear", "logger=tensorboard", "study=s")
    [failed] = Path("runs", "s").glob("*.failed")
    events = events_of(failed.with_suffix(""))
    assert [step for step, _ in curve(events, "train/loss")] == [0, 1, 2]
    assert "score" not in events.Tags()["scalars"]


@pytest.mark.slow
def test_several_trackers_hear_the_same_and_csv_keeps_a_row_an_epoch(run):
    folder = run(*SMALL, "model=linear", "logger=[csv,tensorboard]")
    assert_told_whole(folder)
    table = pd.read_csv(folder / "csv" / "metrics.csv").groupby("step").first()
    history = pd.read_parquet(folder / "history.parquet")
    assert table["train/loss"].tolist() == pytest.approx(history["train/loss"].tolist())


@pytest.mark.slow
def test_a_model_without_epochs_has_its_metrics_and_its_config(run):
    told = assert_told_whole(run("dataset=wine", "model=gradient_boosting", "logger=tensorboard"))
    assert "model.max_iter" in told


@pytest.mark.slow
def test_each_member_of_a_stack_is_a_run_of_its_own(lepton, here):
    words = (*SMALL, "model=linear", "seed=0,1,2", "study=s", "logger=tensorboard")
    assert lepton("train", "-m", *words, "hydra/launcher=vectorized")[0] == 0
    folders = sorted((here / "runs" / "s").glob("wine-*"))
    assert {assert_told_whole(folder)["seed"] for folder in folders} == {0, 1, 2}
    assert len(list((here / "runs" / "tensorboard" / "s").iterdir())) == 3


@pytest.mark.slow
def test_an_ensemble_and_finished_runs_are_published_twice_without_doubles(lepton, run):
    folders = [run(*SMALL, "model=linear", f"seed={seed}", "study=s") for seed in (0, 1)]
    assert lepton("ensemble", "runs=s", "method=mean", "keep=true")[0] == 0
    [ensemble] = folders[0].parent.glob("wine-ensemble*")
    for _ in range(2):
        code, out, _ = lepton("publish", "s", TO, "report=false")
        assert (code, out) == (0, "s: 3 runs in tensorboard\n")
        for folder in (*folders, ensemble):
            told = assert_told_whole(folder)
    assert told["derived.command"] == "ensemble"


@pytest.mark.slow
def test_a_metric_that_an_evaluation_adds_is_told_too(run):
    folder = run(*SMALL, "model=linear", "logger=tensorboard", "evaluation=slices")
    assert "test@slices/different" in events_of(folder).Tags()["scalars"]
