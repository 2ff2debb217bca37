"""One run: the same whenever and wherever made, whole or not there, and all it says is true."""

import io
import json
import os
import random
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from omegaconf import OmegaConf
from sklearn import metrics as sk

import lepton.run
from lepton import build, load, train
from lepton.config.check import check
from lepton.config.compose import compose
from lepton.config.identity import run_folder
from lepton.errors import DataError
from tests.quick import quick

WINE = ("dataset=wine", "model=mlp_small", "trainer.max_epochs=3")
MIXED = ("dataset=synthetic", "dataset.rows=300", "dataset.missing=0.05", "trainer.max_epochs=3")
SETTINGS = {
    "dropout, ema, schedule": (
        *MIXED,
        "model.dropout=0.3",
        "scheduler=one_cycle",
        "regularization=[ema,label_smoothing]",
    ),
    "batch norm": (*MIXED, "model=resnet", "batch_size=32"),
    "boosting": (*MIXED[:3], "model=gradient_boosting", "model.max_features=0.5"),
    "regression": ("dataset=diabetes", "model=mlp_small", "trainer.max_epochs=3"),
}
FRAGILE = ("dataset=wine", "model=fragile", "trainer.max_epochs=1")
ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("case", quick(SETTINGS, "dropout, ema, schedule", "boosting"))
def test_the_same_seed_gives_the_same_run_bit_for_bit(run, fingerprint, case):
    overrides = SETTINGS[case]
    first = run(*overrides, "study=first")
    torch.manual_seed(99)
    np.random.seed(99)
    random.seed(99)
    assert fingerprint(run(*overrides, "study=again")) == fingerprint(first)


@pytest.mark.parametrize("case", quick(SETTINGS, "dropout, ema, schedule", "boosting"))
def test_another_seed_gives_another_run_on_the_same_rows(run, fingerprint, case):
    overrides = SETTINGS[case]
    first, second = (run(*overrides, f"seed={seed}") for seed in (1, 2))
    assert fingerprint(first)["metrics"] != fingerprint(second)["metrics"]
    for split in ("val", "test"):
        a, b = (pd.read_parquet(f / "predictions" / f"{split}.parquet") for f in (first, second))
        assert a["id"].equals(b["id"])
        assert a["target"].equals(b["target"])


def test_a_run_is_the_same_after_other_runs_in_the_same_process(run, fingerprint):
    first = run(*WINE, "study=first")
    run(*SETTINGS["batch norm"], "seed=5")
    run("dataset=digits_flat", "model=gradient_boosting", "model.max_iter=2")
    assert fingerprint(run(*WINE, "study=after")) == fingerprint(first)


@pytest.mark.slow
def test_a_run_is_the_same_in_another_process_with_other_hashes_and_threads(run, fingerprint, here):
    overrides = (*SETTINGS["dropout, ema, schedule"], "model=mlp")
    environment = dict(os.environ, PYTHONHASHSEED="123", OMP_NUM_THREADS="4", PYTHONPATH=str(ROOT))
    command_line = [sys.executable, "-m", "lepton", "train", *overrides, "study=apart"]
    process = subprocess.run(
        command_line, cwd=here, env=environment, capture_output=True, text=True
    )
    assert process.returncode == 0, process.stderr
    (apart,) = (here / "runs" / "apart").iterdir()
    assert fingerprint(apart) == fingerprint(run(*overrides))


def test_training_leaves_the_global_random_states_alone(run):
    before = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()
    run(*SETTINGS["dropout, ema, schedule"])
    assert torch.equal(torch.get_rng_state(), before[0])
    assert (np.random.get_state()[1] == before[1]).all()
    assert random.getstate() == before[2]


def test_split_seed_moves_the_split_and_seed_does_not(run):
    def ids(*overrides):
        folder = run(*WINE, *overrides) / "predictions"
        return {s: set(pd.read_parquet(folder / f"{s}.parquet")["id"]) for s in ("val", "test")}

    assert ids() == ids("seed=4")
    moved = ids("dataset.split_seed=1")
    assert moved["test"] != ids()["test"]
    assert moved["val"] != ids()["val"]


@pytest.fixture
def folder(run):
    return run(*WINE, "seed=2", "optimizer.lr=0.01")


def test_a_run_folder_holds_these_files_and_no_others(folder, run):
    common = {
        *("config.yaml", "overrides.yaml", "result.json", "spec.json", "preprocessing.skops"),
        *("history.parquet", "log.txt", "environment.json", "SHA256SUMS"),
        *("predictions", "predictions/val.parquet", "predictions/test.parquet"),
    }

    def names(folder):
        return {p.relative_to(folder).as_posix() for p in folder.rglob("*")}

    assert names(folder) == {*common, "model.safetensors"}
    boosted = run("dataset=wine", "model=gradient_boosting", "model.max_iter=2")
    assert names(boosted) == {*common, "model.skops"}
    assert {p.name for p in folder.parent.iterdir()} == {folder.name, boosted.name}


def test_config_and_overrides_lead_back_to_the_same_run(folder):
    config = OmegaConf.load(folder / "config.yaml")
    assert run_folder(check(config)) == folder
    overrides = yaml.safe_load((folder / "overrides.yaml").read_text())
    assert overrides == [*WINE, "seed=2", "optimizer.lr=0.01"]
    assert run_folder(check(compose(*overrides))) == folder


def test_predictions_are_those_of_the_rows_of_the_split(folder):
    data = build.data(check(OmegaConf.load(folder / "config.yaml")))
    for split in ("val", "test"):
        frame = pd.read_parquet(folder / "predictions" / f"{split}.parquet")
        assert frame["id"].tolist() == data.splits[split]["id"].tolist()
        assert frame["target"].tolist() == data.splits[split]["target"].tolist()
    result = json.loads((folder / "result.json").read_text())
    assert result["rows"] == {name: len(rows["id"]) for name, rows in data.splits.items()}
    assert sum(result["rows"].values()) == 178


def test_history_has_a_row_an_epoch_and_the_best_one_scored(folder):
    history = pd.read_parquet(folder / "history.parquet")
    result = json.loads((folder / "result.json").read_text())
    assert history["epoch"].tolist() == [0, 1, 2]
    assert result["epochs"] == 3
    assert result["best_epoch"] == history["val/log_loss"].idxmin()
    assert result["metrics"]["val/log_loss"] == pytest.approx(history["val/log_loss"].min())
    assert result["score"] == -result["metrics"]["val/log_loss"]
    assert (history["lr"] == 0.01).all()


def test_the_log_holds_what_was_said_of_the_data(folder):
    assert "rows: 113 train, 29 val, 36 test" in (folder / "log.txt").read_text()


def test_the_second_run_of_a_process_logs_as_much_as_the_first(folder, run):
    other = run(*WINE, "seed=3")
    assert "rows: 113 train, 29 val, 36 test" in (other / "log.txt").read_text()
    assert "rows: 113" in (folder / "log.txt").read_text()


@pytest.mark.parametrize("model", ["mlp_small", "gradient_boosting"])
def test_no_file_of_a_run_holds_a_pickle(run, model):
    checked = 0
    for path in run(*MIXED[:3], f"model={model}").rglob("*"):
        for name, content in _contents(path) if path.is_file() else ():
            checked += 1
            assert not (content[:1] == b"\x80" and content[1:2] in b"\2\3\4\5"), name
            assert Path(name).suffix not in (".pkl", ".pickle", ".joblib", ".pt", ".ckpt"), name
            if name.endswith(".npy"):
                np.load(io.BytesIO(content), allow_pickle=False)
    assert checked > 12


def _contents(path):
    """Names and bytes of a file, or of the members of an archive."""
    if not zipfile.is_zipfile(path):
        return [(path.name, path.read_bytes())]
    with zipfile.ZipFile(path) as archive:
        return [(name, archive.read(name)) for name in archive.namelist()]


TASKS = {
    "binary": ("dataset=synthetic", "dataset.rows=300"),
    "multiclass": ("dataset=wine",),
    "multilabel": ("dataset=synthetic", "dataset.rows=300", "dataset.labels=3"),
    "regression": ("dataset=diabetes",),
}


@pytest.mark.parametrize("task", TASKS)
def test_stored_metrics_are_those_of_the_stored_predictions(run, task):
    folder = run(*TASKS[task], "model=mlp_small", "trainer.max_epochs=3")
    stored = json.loads((folder / "result.json").read_text())["metrics"]
    for split in ("val", "test"):
        frame = pd.read_parquet(folder / "predictions" / f"{split}.parquet")
        expected = SCORERS[task](frame)
        assert len(expected) >= 3
        for name, value in expected.items():
            assert stored[f"{split}/{name}"] == pytest.approx(value, rel=1e-5), name


def _binary(frame):
    y, p = frame["target"], frame["prediction"].astype(float)
    return {
        "log_loss": sk.log_loss(y, p),
        "auroc": sk.roc_auc_score(y, p),
        "accuracy": sk.accuracy_score(y, p > 0.5),
        "f1": sk.f1_score(y, p > 0.5),
        "mcc": sk.matthews_corrcoef(y, p > 0.5),
        "brier": sk.brier_score_loss(y, p),
        "average_precision": sk.average_precision_score(y, p),
    }


def _multiclass(frame):
    y, p = frame["target"], frame.filter(like="p_").to_numpy(float)
    p = p / p.sum(1, keepdims=True)
    return {
        "log_loss": sk.log_loss(y, p),
        "auroc": sk.roc_auc_score(y, p, multi_class="ovr"),
        "accuracy": sk.accuracy_score(y, p.argmax(1)),
        "balanced_accuracy": sk.balanced_accuracy_score(y, p.argmax(1)),
    }


def _multilabel(frame):
    y, p = frame.filter(like="target_").to_numpy(), frame.filter(like="p_").to_numpy(float)
    return {
        "auroc": sk.roc_auc_score(y, p),
        "f1": sk.f1_score(y, p > 0.5, average="macro"),
        "accuracy": np.mean(y == (p > 0.5)),
    }


def _regression(frame):
    y, p = frame["target"].astype(float), frame["prediction"].astype(float)
    return {
        "rmse": sk.root_mean_squared_error(y, p),
        "mae": sk.mean_absolute_error(y, p),
        "r2": sk.r2_score(y, p),
    }


SCORERS = {
    "binary": _binary,
    "multiclass": _multiclass,
    "multilabel": _multilabel,
    "regression": _regression,
}


@pytest.fixture
def trainings(monkeypatch):
    """The names of the runs that are trained."""
    names, real = [], lepton.run._train

    def counted(cfg, folder, *, name, **options):
        names.append(name)
        return real(cfg, folder, name=name, **options)

    monkeypatch.setattr(lepton.run, "_train", counted)
    return names


def test_a_finished_run_is_read_and_not_repeated(run, trainings):
    folder = run(*WINE)
    times = {p: p.stat().st_mtime_ns for p in folder.rglob("*")}
    first = train(compose(*WINE))
    assert train(compose(*WINE, "logger=csv", "trainer.progress=false")) == first
    assert trainings == [folder.name]
    assert {p: p.stat().st_mtime_ns for p in folder.rglob("*")} == times


def test_rerun_trains_again_and_replaces(run, trainings, fingerprint):
    folder = run(*WINE)
    inode, first_fingerprint = folder.stat().st_ino, fingerprint(folder)
    (folder / "result.json").touch()
    assert run(*WINE, "rerun=true") == folder
    assert trainings == [folder.name] * 2
    assert folder.stat().st_ino != inode
    assert fingerprint(folder) == first_fingerprint
    assert [p.name for p in folder.parent.iterdir()] == [folder.name]


def test_a_failed_rerun_keeps_the_finished_run_and_is_recorded(run, fragile, fingerprint):
    folder = run(*FRAGILE)
    before = fingerprint(folder)
    (fragile / "0").touch()
    with pytest.raises(Exception, match="no luck"):
        run(*FRAGILE, "rerun=true")
    assert fingerprint(folder) == before
    assert sorted(load("default")["status"]) == ["failed", "finished"]


def test_an_interrupted_rerun_keeps_the_finished_run_and_nothing_else(
    run, monkeypatch, fingerprint
):
    folder = run(*WINE)
    before = fingerprint(folder)

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(lepton.run, "write_outcome", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(*WINE, "rerun=true")
    assert fingerprint(folder) == before
    assert [p.name for p in folder.parent.iterdir()] == [folder.name]


def test_a_failed_run_leaves_its_traceback_is_shown_repeated_and_forgotten(run, fragile):
    (fragile / "3").touch()
    for _ in range(2):
        with pytest.raises(Exception, match="no luck with 3"):
            run(*FRAGILE, "seed=3")
        (failed,) = Path("runs/default").iterdir()
        assert failed.name.startswith("wine-fragile-s3-")
        assert failed.suffix == ".failed"
        failure = json.loads((failed / "failure.json").read_text())
        assert "no luck with 3" in failure["error"]
        assert "fragile.py" in failure["traceback"]
        assert (failed / "config.yaml").is_file()
        (row,) = load("default").to_dict("records")
        assert (row["status"], row["seed"], row["model"]) == ("failed", 3, "fragile")
        assert "no luck with 3" in row["error"]
    (fragile / "3").unlink()
    folder = run(*FRAGILE, "seed=3")
    assert [p.name for p in Path("runs/default").iterdir()] == [folder.name]
    assert load("default")["status"].tolist() == ["finished"]


def test_a_mistake_in_the_data_leaves_nothing_behind(run, here):
    with pytest.raises(DataError, match="alcool"):
        run(*WINE, "dataset.columns={alcool: numeric}")
    assert [p for p in here.rglob("*") if p.is_file()] == []
    assert list(here.glob("runs/*/*")) == []


def test_what_a_killed_process_left_does_not_get_into_a_run(run):
    name = run_folder(check(compose(*WINE))).name
    stale = Path("runs/default") / f"{name}.part" / "predictions"
    stale.mkdir(parents=True)
    (stale / "old.parquet").touch()
    folder = run(*WINE)
    assert not (folder / "predictions" / "old.parquet").exists()
    assert [p.name for p in folder.parent.iterdir()] == [folder.name]


@pytest.mark.slow
def test_two_processes_that_start_the_same_run_at_once_train_it_once(start, here, run, fingerprint):
    arguments = ("train", *WINE, "trainer.max_epochs=100", "study=both")
    processes = [start(*arguments, output=here / f"{i}.txt") for i in range(2)]
    for process in processes:
        process.join(120)
    outputs = [path.read_text() for path in sorted(here.glob("?.txt"))]
    assert sorted(p.exitcode for p in processes) in ([0, 0], [0, 2]), outputs
    for process, text in zip(processes, outputs, strict=True):
        is_locked_out = re.search(
            rf"lepton: wine-.*: process {processes[1 - processes.index(process)].pid} on", text
        )
        assert (process.exitcode == 2) == bool(is_locked_out)
        assert "Traceback" not in text
    (folder,) = (here / "runs" / "both").iterdir()
    assert fingerprint(folder) == fingerprint(run(*WINE, "trainer.max_epochs=100"))
    assert (folder / "log.txt").read_text().count("rows: 113 train") == 1
