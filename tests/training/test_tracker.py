"""A tracker is secondary: what fails in it is one warning, and the run is what it is without."""

import logging
import sqlite3
import sys
import threading
import time
from types import ModuleType

import pytest
from pytorch_lightning.loggers import CSVLogger

from lepton.compat.mlflow import make_database, sqlite_file
from lepton.config.check import check
from lepton.config.compose import compose
from lepton.errors import LeptonError
from lepton.training.tracker import build_trackers, prepare_databases

SMALL = ("dataset=wine", "model=linear", "trainer.max_epochs=2")
FULL = OSError(28, "No space left on device")


def failing(error):
    def fail(*_, **__):
        raise error

    return fail


def warnings_of(caplog):
    return [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]


@pytest.mark.slow
@pytest.mark.parametrize("part", ["log_metrics", "save", "finalize", "experiment", "__init__"])
def test_a_tracker_that_fails_is_one_warning_and_the_run_is_kept(
    run, fingerprint, caplog, monkeypatch, part
):
    expected = fingerprint(run(*SMALL, "study=without"))
    fail = failing(FULL)
    monkeypatch.setattr(CSVLogger, part, property(fail) if part == "experiment" else fail)
    assert fingerprint(run(*SMALL, "logger=csv", "study=with")) == expected
    [warning] = warnings_of(caplog)
    assert warning.startswith("logger=csv fails and hears no more of this run, which goes on: ")
    assert warning.endswith("No space left on device")


def test_a_tracker_that_has_failed_is_not_asked_again(tmp_path, monkeypatch, caplog):
    calls = []
    monkeypatch.setattr(CSVLogger, "log_metrics", lambda *_: calls.append(1) or 1 / 0)
    [tracker] = build_trackers(check(compose(*SMALL, "logger=csv")), tmp_path)
    for step in range(3):
        tracker.log_metrics({"val/score": 1.0}, step)
    tracker.experiment.log_whatever("a")  # a callback of the user's own goes on too
    assert calls == [1]
    assert len(warnings_of(caplog)) == 1


def test_a_tracker_is_of_its_own_class_for_callbacks(tmp_path):
    [tracker] = build_trackers(check(compose(*SMALL, "logger=csv")), tmp_path)
    assert isinstance(tracker, CSVLogger)
    tracker.log_metrics({"val/score": 1.0}, 0)
    tracker.save()
    assert (tmp_path / "csv" / "metrics.csv").read_text().split()[1] == "0,1.0"


def test_wrong_values_of_a_tracker_are_still_refused_before_training(tmp_path, monkeypatch):
    monkeypatch.setattr(CSVLogger, "__init__", failing(ValueError("no such name")))
    with pytest.raises(LeptonError, match="logger=csv: no such name"):
        build_trackers(check(compose(*SMALL, "logger=csv")), tmp_path)
    assert build_trackers(check(compose(*SMALL)), tmp_path) == []


@pytest.fixture
def slow_mlflow(monkeypatch):
    """An MLflow that makes its tables one by one, and does not bear another one beside it."""
    clients = []

    class MlflowClient:
        def __init__(self, tracking_uri):
            clients.append(tracking_uri)
            with sqlite3.connect(sqlite_file(tracking_uri)) as connection:
                connection.execute("create table runs (id)")
                time.sleep(0.05)
                connection.execute("create table alembic_version (version)")
                connection.execute("insert into alembic_version values ('last')")

        def search_experiments(self, **_):
            return []

    tracking = ModuleType("mlflow.tracking")
    tracking.MlflowClient = MlflowClient
    monkeypatch.setitem(sys.modules, "mlflow", ModuleType("mlflow"))
    monkeypatch.setitem(sys.modules, "mlflow.tracking", tracking)
    return clients


def mlflow_config():
    return {
        "logger": {"mlflow": {"tracking_uri": "sqlite:///runs/mlflow.db"}},
        "choices": {"logger": "mlflow"},
    }


def test_a_database_is_made_once_whoever_begins_with_it(here, slow_mlflow, caplog):
    threads = [
        threading.Thread(target=prepare_databases, args=([mlflow_config()],)) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(slow_mlflow) == 1
    assert warnings_of(caplog) == []
    assert [path.name for path in (here / "runs").iterdir()] == ["mlflow.db"]


def test_a_database_that_was_left_half_made_is_set_aside(here, slow_mlflow):
    path = here / "mlflow.db"
    with sqlite3.connect(path) as connection:
        connection.execute("create table runs (half)")
    make_database(path)
    make_database(path)  # whole now, and left alone
    assert len(slow_mlflow) == 1
    assert sqlite3.connect(path).execute("select version from alembic_version").fetchone()
    assert (here / "mlflow.db.broken").is_file()


def test_a_file_that_is_no_database_is_a_warning_and_stays(here, slow_mlflow, caplog):
    path = here / "runs" / "mlflow.db"
    path.parent.mkdir()
    path.write_text("not a database, but something of the user's own" * 40)
    content = path.read_bytes()
    prepare_databases([mlflow_config()])
    assert "file is not a database" in " ".join(warnings_of(caplog))
    assert path.read_bytes() == content


def test_only_files_of_sqlite_are_databases_of_this_machine():
    assert sqlite_file("http://127.0.0.1:5000") is None
    assert sqlite_file(None) is None
    assert sqlite_file("sqlite:////a/b.db").as_posix() == "/a/b.db"
