"""A task of the user's own is trained, scored, saved, listed, predicted with and stacked."""

import io
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from rich.console import Console

import lepton.errors
from lepton import load, load_model
from lepton.analysis import table as study_table
from lepton.derived.inputs import read_input
from lepton.ensemble.machinery.pool import make_pool
from lepton.errors import ConfigError
from lepton.report.predictions import read_sample_predictions
from lepton.rescoring.rescore import rescore_test_split, score_file
from lepton.storage.predictions import read_predictions
from tests.task.own_tasks import Sequence

FAST = ("model=mlp_small", "trainer=cpu", "trainer.max_epochs=3", "trainer.progress=false")
OWN = "task._target_=tests.task.own_tasks."
TASKS = {
    "denoising": ("dataset.target=null", f"{OWN}Denoising", "+task.hidden=0.3"),
    "contrastive": (
        "dataset.target=[v0,v1,v2,v3]",
        *(f"{OWN}Contrastive", "+task.width=5", "+task.temperature=0.2"),
    ),
    "sequence": (
        "dataset.target=tokens",
        *(f"{OWN}Sequence", "+task.length=4", "+task.vocabulary=6"),
    ),
}
LEFT_OUT = {
    "denoising": ("v0", "v1", "v2", "v3", "tokens"),
    "contrastive": ("tokens",),
    "sequence": ("v0", "v1", "v2", "v3"),
}


@pytest.fixture(autouse=True)
def trusted(here, monkeypatch):
    monkeypatch.setenv("LEPTON_ALLOW", "")
    lepton.allow("tests")


def write_rows(rows):
    """Numbers, another view of them, and tokens that follow from them."""
    draw = np.random.default_rng(0)
    x = draw.normal(size=(rows, 4))
    columns = {f"x{i}": x[:, i] for i in range(4)}
    columns |= {f"v{i}": x[:, i] + draw.normal(0, 0.1, rows) for i in range(4)}
    tokens = np.digitize(x, [-1, -0.5, 0, 0.5, 1])
    columns["tokens"] = [" ".join(map(str, row)) for row in tokens]
    frame = pd.DataFrame(columns)
    frame.to_csv("rows.csv", index=False)
    return frame


def overrides_of(task):
    kinds = ",".join(f"{name}: ignore" for name in LEFT_OUT[task])
    table = ("dataset=csv", "dataset.path=rows.csv", f"dataset.columns={{{kinds}}}")
    return (*table, *TASKS[task], *FAST)


def result_of(folder):
    return json.loads((folder / "result.json").read_text())


@pytest.mark.parametrize("task", TASKS)
def test_a_task_of_ones_own_is_trained_scored_saved_listed_and_predicted(run, task, monkeypatch):
    frame = write_rows(300)
    folder = run(*overrides_of(task), f"study={task}")
    history, result = pd.read_parquet(folder / "history.parquet"), result_of(folder)
    monitor = {"denoising": "mse", "contrastive": "info_nce", "sequence": "nats"}[task]
    assert history[f"val/{monitor}"].iloc[-1] < history[f"val/{monitor}"].iloc[0]
    assert result["score"] == -result["metrics"][f"val/{monitor}"]
    assert np.isclose(result["metrics"][f"val/{monitor}"], history[f"val/{monitor}"].min())
    assert bool(result["constant"]) == (task == "denoising")

    stored = read_predictions(folder, "test")
    predicted = load_model(folder).predict_raw(frame.loc[stored.ids.numpy()])
    values = np.stack(predicted.iloc[:, 0]) if predicted.shape[1] == 1 else predicted.to_numpy()
    torch.testing.assert_close(torch.tensor(values), stored.prediction, rtol=1e-4, atol=1e-5)
    if task == "sequence":
        right = (stored.prediction == stored.target).double().mean().item()
        assert right == pytest.approx(result["metrics"]["test/right"])
    assert load_model(folder).predict_raw(frame.head(0)).shape[0] == 0

    assert load(f"runs/{task}")[f"test/{monitor}"].notna().all()
    shown = io.StringIO()
    monkeypatch.setattr(study_table, "console", lambda: Console(file=shown, width=160))
    study_table.show_study(f"runs/{task}")
    assert f"test {monitor}" in shown.getvalue()
    with pytest.raises(lepton.errors.LeptonError, match="classes, labels and quantities alone"):
        read_sample_predictions(folder)


@pytest.mark.parametrize("task", ["denoising", "sequence"])
def test_a_task_of_ones_own_is_scored_again_and_is_no_member_of_an_ensemble(run, task):
    write_rows(300)
    folder = run(*overrides_of(task))
    words = {"resamples": 3, "seed": 0, "rerun": False, "evaluation": {}}
    again = rescore_test_split(folder, words)
    assert again.notes == []
    assert (again.intervals == {}) == (task == "sequence")
    if task == "denoising":  # the file holds train, val and test
        scores = score_file(folder, Path("rows.csv"), words)
        metrics = [result_of(folder)["metrics"][f"{split}/mse"] for split in ("val", "test")]
        assert (scores.rows, scores.metrics["mse"]) == (300, pytest.approx(min(metrics), rel=0.3))
    with pytest.raises(ConfigError, match=f"task {task} is scored by more than the stored"):
        make_pool([read_input(folder)], None, across_folds=False)


@pytest.mark.slow
def test_no_more_predictions_of_a_streamed_task_are_held_than_of_a_batch(run):
    rows = 45000
    write_rows(rows)
    Sequence.most_rows = 0
    sizes = ("dataset.val_size=0.45", "dataset.test_size=0.45", "trainer.max_epochs=1")
    folder = run(*overrides_of("sequence"), *sizes)
    assert result_of(folder)["rows"]["val"] == 0.45 * rows
    assert 0 < Sequence.most_rows <= 2 * 8192  # the batch before may be let go of after the next
    assert len(Sequence.alive) == 0


@pytest.mark.slow
@pytest.mark.parametrize("task", TASKS)
def test_a_stack_trains_a_task_of_ones_own_as_a_run_alone(train_both, task):
    write_rows(200)
    folders = train_both(*overrides_of(task), "trainer.precision=64-true", "seed=1,2")
    for alone, stacked in folders:
        first, second = result_of(alone), result_of(stacked)
        assert first["metrics"] == pytest.approx(second["metrics"], abs=1e-9)
        assert first["constant"] == second["constant"]
        histories = [pd.read_parquet(f / "history.parquet") for f in (alone, stacked)]
        same = [h.drop(columns="seconds").to_numpy() for h in histories]
        np.testing.assert_allclose(*same, atol=1e-9)
        stored = [read_predictions(f, "val").prediction for f in (alone, stacked)]
        torch.testing.assert_close(*stored)


def test_data_without_a_target_are_refused_by_a_task_that_needs_one(run):
    write_rows(50)
    with pytest.raises(ConfigError, match=r"dataset\.target: null leaves nothing to predict"):
        run("dataset=csv", "dataset.path=rows.csv", "dataset.target=null", *FAST)
    with pytest.raises(ConfigError, match=r"dataset\.target: null leaves nothing to predict"):
        run(*overrides_of("sequence"), "dataset.target=null")


def test_a_model_that_fits_itself_refuses_a_task_of_ones_own(run):
    write_rows(50)
    with pytest.raises(ConfigError, match="task denoising needs a network"):
        run(*overrides_of("denoising"), "model=gradient_boosting")


def test_a_monitor_that_the_task_does_not_have_is_named(run):
    write_rows(50)
    with pytest.raises(ConfigError, match=r"task\.monitor.*'mee'; did you mean 'mse'"):
        run(*overrides_of("denoising"), "task.monitor=mee")
