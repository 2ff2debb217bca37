"""Run folders: whole or not there under any interruption, and a study read as a table."""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from lepton import load, results
from lepton.errors import LeptonError

ROOT = str(Path(__file__).parents[1])
WINE = ("dataset=wine", "model=mlp_small", "trainer.max_epochs=1")
INTERRUPTIBLE = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
PREAMBLE = "import os, sys; from pathlib import Path; from lepton import results\n"
WRITER = """
for number in range(int(sys.argv[1])):
    with results.writing(Path("study/run")) as part:
        (part / "a").write_text(f"{os.getpid()} {number}")
        results.write_json(part / "result.json", {"from": f"{os.getpid()} {number}"})
"""


def python(code, *words):
    """A process that has imported nothing but `lepton.results`."""
    environment = dict(os.environ, PYTHONPATH=ROOT)
    return subprocess.Popen([sys.executable, "-c", PREAMBLE + code, *words], env=environment)


def dead_pid():
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def part(study, name, pid, *, host=None):
    folder = study / f"{name}.part-{host or socket.gethostname()}-{pid}"
    folder.mkdir(parents=True)
    return folder


def is_whole(folder):
    return json.loads((folder / "result.json").read_text())["from"] == (folder / "a").read_text()


def test_processes_that_replace_the_same_run_leave_one_whole_folder(here):
    writers = [python(WRITER, "60") for _ in range(3)]
    assert [w.wait(120) for w in writers] == [0, 0, 0]
    assert [p.name for p in Path("study").iterdir()] == ["run"]
    assert is_whole(Path("study/run"))


def test_a_writer_killed_at_any_time_leaves_a_whole_folder(here):
    rng, study = random.Random(0), Path("study")
    for _ in range(15):
        writer = python(WRITER, "1000000")
        while not (study / "run").is_dir():
            time.sleep(0.001)
        time.sleep(rng.uniform(0, 0.1))
        writer.kill()
        writer.wait()
        results.clear_unfinished(study)
        assert [p.name for p in study.iterdir()] in (["run"], [])
        assert not (study / "run").exists() or is_whole(study / "run")


def test_a_finished_run_survives_a_kill_while_it_is_replaced(here):
    study = Path("study")
    assert python(WRITER, "1").wait(60) == 0
    first = (study / "run" / "a").read_text()
    killed = (
        "real = os.replace\ndef once(a, b):\n  real(a, b)\n  if str(a).endswith('run'): os._exit(9)"
    )
    assert python(f"{killed}\nos.replace = once\n{WRITER}", "1").wait(60) == 9
    assert not (study / "run").exists()
    assert results.clear_unfinished(study) == 2
    assert [p.name for p in study.iterdir()] == ["run"]
    assert (study / "run" / "a").read_text() == first


def test_only_what_dead_processes_of_this_machine_left_is_cleared(here):
    study = Path("study")
    dead = part(study, "a", dead_pid())
    alive, elsewhere = part(study, "b", os.getpid()), part(study, "c", 1, host="elsewhere")
    other = study / "d.failed"
    other.mkdir()
    assert results.clear_unfinished(study) == 1
    assert not dead.exists()
    assert all(p.exists() for p in (alive, elsewhere, other))


def test_a_study_that_does_not_exist_has_nothing_to_clear(here):
    assert results.clear_unfinished(Path("nowhere")) == 0


def test_json_appears_whole_under_its_name_and_synced_before(tmp_path, monkeypatch):
    done = []
    monkeypatch.setattr(os, "fsync", lambda fd: done.append("sync"))
    monkeypatch.setattr(os, "replace", lambda a, b: done.append((Path(a).read_text(), b)))
    results.write_json(tmp_path / "x.json", {"a": 1})
    assert done == ["sync", ('{\n "a": 1\n}', tmp_path / "x.json")]
    assert not (tmp_path / "x.json").exists()


def half_written(error):
    with results.writing(Path("study/run")) as folder:
        (folder / "half").touch()
        raise error


def test_an_error_in_the_middle_of_writing_names_itself_and_leaves_no_part(here):
    with pytest.raises(ZeroDivisionError):
        half_written(ZeroDivisionError("division by zero"))
    assert [p.name for p in Path("study").iterdir()] == ["run.failed"]
    assert (Path("study/run.failed") / "half").exists()
    failure = results.failure(Path("study/run"))
    assert failure["error"] == "ZeroDivisionError: division by zero"
    assert "test_results.py" in failure["traceback"]


@pytest.mark.parametrize("error", [LeptonError("no"), KeyboardInterrupt(), SystemExit(1)])
def test_a_mistake_or_an_interruption_in_the_middle_of_writing_leaves_nothing(here, error):
    with pytest.raises(type(error)):
        half_written(error)
    assert not Path("study").exists()


def test_a_folder_that_cannot_be_written_is_said_in_a_line(here):
    Path("study").touch()
    expected = r"^runs: cannot write to study \(.*\)$"
    with pytest.raises(LeptonError, match=expected), results.writing(Path("study/run")):
        pass


def test_ctrl_c_between_runs_of_processes_is_not_taken_for_a_failure(here):
    lines = (INTERRUPTIBLE, "import time", "with results.writing(Path('study/run')) as p:")
    code = "\n".join([*lines, "  (p/'x').touch()", "  time.sleep(60)"])
    writer = python(code)
    while not list(Path().glob("study/*/x")):
        time.sleep(0.01)
    writer.send_signal(signal.SIGINT)
    writer.wait(60)
    assert not Path("study").exists()


def test_a_study_loads_as_a_table_with_the_documented_columns(run):
    folder = run(*WINE, "seed=7", "optimizer.lr=0.02", "regularization=[ema,label_smoothing]")
    (row,) = load("default").to_dict("records")
    assert row["run"] == folder.name
    assert (row["status"], row["folder"]) == ("finished", str(folder))
    assert (row["model"], row["optimizer"], row["dataset"]) == ("mlp_small", "adamw", "wine")
    assert row["regularization"] == "ema+label_smoothing"
    assert (row["seed"], row["optimizer.lr"], row["batch_size"]) == (7, 0.02, 128)
    result = json.loads((folder / "result.json").read_text())
    for name, value in result["metrics"].items():
        assert row[name] == value
        assert row[f"constant/{name}"] == result["constant"][name]
    for name in ("score", "seconds", "epochs", "best_epoch", "parameters", "trainable"):
        assert row[name] == result[name]
    assert not any(name.endswith("_target_") for name in row)


def test_runs_of_several_models_and_tasks_load_together(run):
    run(*WINE)
    run("dataset=wine", "model=gradient_boosting", "model.max_iter=2")
    run("dataset=diabetes", "model=linear", "trainer.max_epochs=1")
    frame = load("default").set_index("model")
    assert sorted(frame.index) == ["gradient_boosting", "linear", "mlp_small"]
    assert frame["test/rmse"].notna().tolist() == (frame["dataset"] == "diabetes").tolist()
    assert pd.isna(frame.loc["gradient_boosting", "optimizer.lr"])
    assert pd.isna(frame.loc["gradient_boosting", "optimizer"])
    assert frame.loc["gradient_boosting", "model.max_iter"] == 2


def test_a_study_loads_by_path_and_by_name_and_an_empty_one_is_an_empty_table(run, here):
    run(*WINE)
    assert load("default").equals(load(Path("runs") / "default"))
    assert load(here / "runs" / "default")["run"].equals(load("default")["run"])
    (here / "runs" / "empty").mkdir()
    assert load("empty").empty


def test_a_study_that_does_not_exist_names_those_that_do(here):
    with pytest.raises(LeptonError, match=r"^credit: no such study; `lepton train` writes to"):
        load("credit")
    for name in ("b", "a"):
        (here / "runs" / name).mkdir(parents=True)
    with pytest.raises(LeptonError, match=r"^credit: no such study; studies in ./runs: a, b$"):
        load("credit")


@pytest.mark.parametrize("content", ["", "{", '{"run": "x"}', "[1]", "\0\0", '{"a": 1}'])
def test_a_result_that_cannot_be_read_is_named(run, content):
    folder = run(*WINE)
    (folder / "result.json").write_text(content)
    with pytest.raises(LeptonError) as error:
        load("default")
    assert str(error.value).startswith(f"{folder}/result.json: not a result")
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize("content", ["", "[1]", "{}"])
def test_a_failure_that_cannot_be_read_is_named(here, content):
    folder = here / "study" / "run.failed"
    folder.mkdir(parents=True)
    (folder / "failure.json").write_text(content)
    with pytest.raises(LeptonError, match=r"run.failed/failure.json: not a failure"):
        load("study")


def test_runs_that_are_being_written_are_not_loaded(run):
    folder = run(*WINE)
    copy = part(folder.parent, "other", os.getpid())
    (copy / "result.json").write_text((folder / "result.json").read_text())
    assert load("default")["run"].tolist() == [folder.name]
