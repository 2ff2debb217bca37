"""Who watches a run sees every epoch's score and may end it; a pruned run is no failure."""

import json
import signal
from pathlib import Path

import pandas as pd
import pytest

from lepton import load, run
from lepton.config.check import check
from lepton.config.compose import compose
from lepton.config.identity import run_folder
from lepton.errors import Diverged, Pruned
from lepton.run import train_checked
from lepton.storage.run_folder import failed_folder, pruned_folder, run_status
from lepton.training.signals import RECEIVED, Interrupted

OVERRIDES = ("dataset=wine", "model=mlp_small", "trainer.max_epochs=4", "optimizer.lr=0.01")


class Watch:
    """Records each report; ends the run after an epoch, if asked to."""

    def __init__(self, last=None):
        self.last, self.reports = last, []

    def __call__(self, epoch, score):
        self.reports.append((epoch, score))
        return epoch == self.last


@pytest.fixture
def train(here):
    config = check(compose(*OVERRIDES))
    return lambda watch=None: train_checked(config, run_folder(config), watch)


@pytest.fixture
def folder(here):
    return run_folder(check(compose(*OVERRIDES)))


def history(folder):
    frame = pd.read_parquet(folder / "history.parquet")
    return list(zip(frame["epoch"], frame["val/score"], strict=True))


@pytest.mark.slow
def test_who_watches_is_told_every_epoch_and_changes_nothing(train, folder, run, fingerprint):
    watch = Watch()
    train(watch)
    assert watch.reports == history(folder)
    assert len(watch.reports) == 4
    assert fingerprint(folder) == fingerprint(run(*OVERRIDES, "study=alone"))


@pytest.mark.slow
def test_a_run_that_is_ended_is_kept_as_pruned_with_its_scores(train, folder, run):
    watch = Watch(last=1)
    with pytest.raises(Pruned) as error:
        train(watch)
    assert [p.name for p in folder.parent.iterdir()] == [f"{folder.name}.pruned"]
    assert run_status(folder) == "pruned"
    record = json.loads((pruned_folder(folder) / "pruned.json").read_text())
    scores = [score for _, score in watch.reports]
    assert record.pop("monitored") == f"val log_loss {-scores[-1]:.4f}"
    assert record == {"run": folder.name, "status": "pruned", "epoch": 1, "scores": scores}
    assert (error.value.epoch, error.value.scores) == (1, scores)
    assert scores == [score for _, score in history(run(*OVERRIDES, "study=whole"))][:2]
    (row,) = load("default").to_dict("records")
    assert (row["status"], row["epochs"], row["optimizer.lr"]) == ("pruned", 2, 0.01)
    assert not any(name.startswith("test/") for name in row)


@pytest.mark.slow
def test_a_pruned_run_is_not_trained_for_the_next_watcher_and_is_for_none(
    train, folder, run, fingerprint
):
    for _ in range(2):
        watch = Watch(last=0)
        with pytest.raises(Pruned) as error:
            train(watch)
    assert watch.reports == []
    assert error.value.epoch == 0
    train()
    assert [p.name for p in folder.parent.iterdir()] == [folder.name]
    assert fingerprint(folder) == fingerprint(run(*OVERRIDES, "study=alone"))


@pytest.mark.parametrize(
    ("rate", "error", "state"), [(0.01, Pruned, "pruned"), (1e30, Diverged, "failed")]
)
def test_a_run_that_another_process_ends_before_its_lock_is_had_is_not_trained_again(
    rate, error, state, here, monkeypatch
):
    config = check(compose(*OVERRIDES, "scheduler=none", f"optimizer.lr={rate}"))
    folder = run_folder(config)
    ended = folder.with_name(f"{folder.name}.{state}")
    lock, files = run.writing_run, []

    def locked_late(*args, **settings):
        monkeypatch.setattr(run, "writing_run", lock)
        with pytest.raises(error):  # the other process, in this one's time
            train_checked(config, folder, Watch(last=0))
        files.append((ended / "log.txt").stat())
        return lock(*args, **settings)

    monkeypatch.setattr(run, "writing_run", locked_late)
    with pytest.raises(error):
        train_checked(config, folder, Watch(last=0))
    assert [*folder.parent.iterdir()] == [ended]
    (written,), read = files, (ended / "log.txt").stat()
    assert (read.st_ino, read.st_mtime_ns) == (written.st_ino, written.st_mtime_ns)


@pytest.mark.slow
def test_who_watches_a_run_that_goes_on_is_told_the_epochs_before_again(train, folder):
    def stop(epoch, score):
        if epoch == 1:
            RECEIVED.append(signal.SIGTERM)
        return False

    with pytest.raises(Interrupted):
        train(stop)
    watch = Watch(last=0)  # an answer that comes too late
    train(watch)
    assert watch.reports == history(folder)


@pytest.mark.slow
def test_an_error_of_who_watches_is_a_failure(train, folder):
    def broken(epoch, score):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        train(broken)
    assert run_status(folder) == "failed"
    assert Path(failed_folder(folder) / "config.yaml").is_file()
