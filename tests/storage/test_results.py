"""Run folders: whole or not there under any interruption, and a study read as a table."""

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pandas as pd
import pytest

from lepton import load
from lepton.errors import Diverged, Finished, LeptonError, Pruned
from lepton.storage import files
from lepton.storage.files import write_json
from lepton.storage.results import COLUMN_TYPES, RESULT_FORMAT, read_result
from lepton.storage.run_folder import read_failure, read_pruned_run, run_status, write_config
from lepton.storage.run_writing import record_failure, writing_run

ROOT = str(Path(__file__).parents[2])
WINE = ("dataset=wine", "model=mlp_small", "trainer.max_epochs=1")
INTERRUPTIBLE = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
PREAMBLE = """
import os, sys
from pathlib import Path
from lepton.storage.files import write_json
from lepton.storage.run_writing import writing_run
from lepton.errors import Claimed
"""
WRITER = """
done = 0
while done < int(sys.argv[1]):
    try:
        with writing_run(Path("study/run")) as part:
            (part / "a").write_text(f"{os.getpid()} {done}")
            write_json(part / "result.json", {"from": f"{os.getpid()} {done}"})
        done += 1
    except Claimed:
        pass
"""


def python(code, *words):
    """A process that has imported nothing but `lepton.storage.run_writing` and what it needs."""
    environment = dict(os.environ, PYTHONPATH=ROOT)
    return subprocess.Popen([sys.executable, "-c", PREAMBLE + code, *words], env=environment)


def is_whole(folder):
    return json.loads((folder / "result.json").read_text())["from"] == (folder / "a").read_text()


def names(folder):
    return sorted(p.name for p in folder.iterdir())


def test_processes_that_replace_the_same_run_leave_one_whole_folder(here):
    writers = [python(WRITER, "40") for _ in range(3)]
    assert [w.wait(120) for w in writers] == [0, 0, 0]
    assert names(Path("study")) == ["run"]
    assert names(Path("study/run")) == ["a", "result.json"]
    assert is_whole(Path("study/run"))


@pytest.mark.parametrize("kills", [15, pytest.param(100, marks=pytest.mark.slow)])
def test_a_writer_killed_at_any_time_loses_no_finished_run(here, kills):
    rng, run, old = random.Random(kills), Path("study/run"), Path("study/run.old")
    for _ in range(kills):
        writer = python(WRITER, "1000000")
        begun = time.monotonic()
        while not run.is_dir() or time.monotonic() - begun < 0.1:
            time.sleep(0.001)
        time.sleep(rng.uniform(0, 0.1))
        writer.kill()
        writer.wait()
        assert is_whole(run if run.exists() else old)
        assert set(names(Path("study"))) <= {"run", "run.part", "run.old"}
    assert python(WRITER, "1").wait(60) == 0
    assert names(Path("study")) == ["run"]
    assert names(run) == ["a", "result.json"]


def test_a_finished_run_survives_a_kill_while_it_is_replaced(here):
    study = Path("study")
    assert python(WRITER, "1").wait(60) == 0
    first = (study / "run" / "a").read_text()
    killed = (
        "real = os.replace\ndef once(a, b):\n  real(a, b)\n  if str(a).endswith('run'): os._exit(9)"
    )
    assert python(f"{killed}\nos.replace = once\n{WRITER}", "1").wait(60) == 9
    assert names(study) == ["run.old", "run.part"]
    assert (study / "run.old" / "a").read_text() == first
    with pytest.raises(Finished), writing_run(study / "run", rerun=False):
        pass
    assert names(study) == ["run"]
    assert (study / "run" / "a").read_text() == first


def test_only_checkpoints_and_the_log_of_a_killed_run_are_kept(here):
    part = Path("study/run.part")
    (part / "predictions").mkdir(parents=True)
    (part / "checkpoint").mkdir()
    for name in ("predictions/val.parquet", "spec.json", "log.txt", "checkpoint/last.ckpt"):
        (part / name).write_text(name)
    with writing_run(Path("study/run")) as folder:
        kept = [p for p in names(folder) if not p.startswith(".claim")]
        assert kept == ["checkpoint", "log.txt"]
        (folder / "new").touch()
    assert names(Path("study/run")) == ["log.txt", "new"]


def test_a_run_that_another_process_has_finished_meanwhile_is_not_written(here):
    with writing_run(Path("study/run")) as folder:
        write_json(folder / "result.json", {})
    again = writing_run(Path("study/run"), rerun=False)
    with pytest.raises(Finished, match="another process"):
        again.__enter__()
    assert names(Path("study")) == ["run"]


def opened(number):
    return Path(os.readlink(f"/proc/self/fd/{number}")).name


def traced(monkeypatch):
    """The order of what reaches the disk: names synced and renamed."""
    done = []
    replace = os.replace

    def renamed(a, b):
        replace(a, b)
        done.append(f"{Path(a).name} -> {Path(b).name}")

    monkeypatch.setattr(os, "fsync", lambda number: done.append(opened(number)))
    monkeypatch.setattr(os, "replace", renamed)
    return done


def test_json_lasts_before_it_has_its_name_and_its_name_after(tmp_path, monkeypatch):
    done = traced(monkeypatch)
    write_json(tmp_path / "x.json", {"a": 1})
    assert done == ["x.json.part", "x.json.part -> x.json", tmp_path.name]
    assert (tmp_path / "x.json").read_text() == '{\n "a": 1\n}'


@pytest.mark.parametrize("at_once", [True, False])
def test_all_files_of_a_run_last_before_it_has_its_name_and_its_name_after(
    run, monkeypatch, at_once
):
    done = traced(monkeypatch)
    all_of_it = lambda number: done.append(f"all of {opened(number)}") or 0  # noqa: E731
    monkeypatch.setattr(files, "SYNCFS", all_of_it if at_once else None)
    folder = run(*WINE)
    named = done.index(f"{folder.name}.part -> {folder.name}")
    written = {p.name for p in folder.rglob("*")}
    assert len(written) == 12
    expected = {f"all of {folder.name}.part"} if at_once else {*written, f"{folder.name}.part"}
    assert expected <= set(done[:named])
    assert "default" in done[named:]


def half_written(error):
    with writing_run(Path("study/run")) as folder:
        (folder / "half").touch()
        raise error


def test_an_error_in_the_middle_of_writing_names_itself_and_leaves_no_part(here):
    with pytest.raises(ZeroDivisionError):
        half_written(ZeroDivisionError("division by zero"))
    assert [p.name for p in Path("study").iterdir()] == ["run.failed"]
    assert (Path("study/run.failed") / "half").exists()
    failure = read_failure(Path("study/run"))
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
    with pytest.raises(LeptonError, match=expected), writing_run(Path("study/run")):
        pass


def test_ctrl_c_between_runs_of_processes_is_not_taken_for_a_failure(here):
    lines = (INTERRUPTIBLE, "import time", "with writing_run(Path('study/run')) as p:")
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


def test_a_result_that_cannot_be_read_or_holds_other_things_than_results_is_named(run):
    folder = run(*WINE)
    known = json.loads((folder / "result.json").read_text())
    odd = [known | {"score": "high"}, known | {"seconds": []}, known | {"parameters": 1.5}]
    odd += [known | {"metrics": known["metrics"] | {"test/auroc": "x"}}, known | {"metrics": []}]
    odd += [known | {"run": 3}, known | {"config": known["config"] | {"seed": "a"}}]
    wrong = ["", "{", '{"run": "x"}', "[1]", "\0\0", '{"a": 1}', *map(json.dumps, odd)]
    for content in wrong:
        (folder / "result.json").write_text(content)
        (row,) = load("default").to_dict("records")
        assert (row["run"], row["status"]) == (folder.name, "unreadable")
        assert row["error"].startswith("result.json: not a result")
        assert len(row["error"].splitlines()) == 1
        with pytest.raises(LeptonError, match=f"{folder}/result.json: not a result"):
            read_result(folder)


@pytest.mark.parametrize("content", ["", "[1]", "{}"])
def test_a_failure_that_cannot_be_read_is_named(here, content):
    folder = here / "study" / "run.failed"
    folder.mkdir(parents=True)
    (folder / "failure.json").write_text(content)
    (row,) = load("study").to_dict("records")
    assert (row["run"], row["status"]) == ("run", "unreadable")
    assert row["error"].startswith("failure.json: not a failure")


@pytest.mark.parametrize("suffix", ["part", "old", "failed", "pruned"])
def test_only_finished_folders_are_loaded_as_finished_runs(run, suffix):
    folder = run(*WINE)
    copy = folder.with_name(f"other.{suffix}")
    copy.mkdir()
    (copy / "result.json").write_text((folder / "result.json").read_text())
    assert load("default")["run"].tolist() == [folder.name]
    assert {p.name for p in folder.parent.iterdir()} == {folder.name, copy.name}


def test_a_result_of_another_format_is_named_with_what_to_do_and_one_without_is_read(run):
    file = run(*WINE) / "result.json"
    content = json.loads(file.read_text())
    assert content.pop("format") == RESULT_FORMAT == 1
    first = load("default")
    file.write_text(json.dumps({**content, "added_later": 1}))
    assert load("default").equals(first)
    file.write_text(json.dumps({**content, "format": 2}))
    (row,) = load("default").to_dict("records")
    assert row["status"] == "unreadable"
    said = r"result.json: has format 2, and this version of lepton reads 1; read it with .*"
    assert re.fullmatch(said, row["error"])


def test_the_columns_that_are_always_there_have_their_types_whatever_the_runs(run, here):
    (here / "runs" / "empty").mkdir(parents=True)
    fail(ZeroDivisionError())
    run(*WINE)
    for study in ("empty", "study", "default"):
        frame = load(study)
        assert {name: str(frame[name].dtype) for name in COLUMN_TYPES} == COLUMN_TYPES


def test_a_run_says_how_many_rows_each_split_had(run):
    run(*WINE)
    (row,) = load("default").to_dict("records")
    assert [row[f"rows/{split}"] for split in ("train", "val", "test")] == [113, 29, 36]


def fail(error):
    with suppress(type(error)), writing_run(Path("study/run")) as part:
        write_config({"seed": 3}, part)
        raise error


def test_the_status_of_a_run_follows_from_its_folders(here):
    folder = Path("study/run")
    assert run_status(folder) == "to do"
    fail(ZeroDivisionError())
    assert run_status(folder) == "failed"
    fail(Diverged("training loss is nan"))
    assert run_status(folder) == "diverged"
    fail(Pruned(1, [0.5, 0.25]))
    assert run_status(folder) == "pruned"
    assert names(Path("study")) == ["run.pruned"]
    with writing_run(folder) as part:
        assert run_status(folder) == "running"
        write_json(part / "result.json", {})
    assert run_status(folder) == "finished"
    assert names(Path("study")) == ["run"]
    with writing_run(folder):
        assert run_status(folder) == "running"


def test_what_a_killed_process_left_is_to_do(here):
    held = "with writing_run(Path('study/run')) as p:\n  (p/'x').touch()\n  sys.stdin.read()"
    environment = dict(os.environ, PYTHONPATH=ROOT)
    line = [sys.executable, "-c", PREAMBLE + held]
    with subprocess.Popen(line, env=environment, stdin=subprocess.PIPE) as owner:
        while not Path("study/run.part/x").exists():
            time.sleep(0.01)
        assert run_status(Path("study/run")) == "running"
        owner.kill()
        owner.wait()
    assert run_status(Path("study/run")) == "to do"


def test_a_diverged_and_a_pruned_run_load_as_rows_with_their_settings(here):
    fail(Diverged("training loss is nan"))
    (row,) = load("study").to_dict("records")
    assert (row["run"], row["status"], row["seed"]) == ("run", "diverged", 3)
    assert row["error"] == "Diverged: training loss is nan"
    fail(Pruned(1, [0.5, 0.25]))
    (row,) = load("study").to_dict("records")
    assert (row["run"], row["status"], row["seed"], row["epochs"]) == ("run", "pruned", 3, 2)
    assert read_pruned_run(Path("study/run"))["scores"] == [0.5, 0.25]


@pytest.mark.parametrize("content", ["", "[1]", "{}"])
def test_a_pruned_run_that_cannot_be_read_is_named(here, content):
    folder = here / "study" / "run.pruned"
    folder.mkdir(parents=True)
    (folder / "pruned.json").write_text(content)
    (row,) = load("study").to_dict("records")
    assert (row["run"], row["status"]) == ("run", "unreadable")
    assert row["error"].startswith("pruned.json: not a pruned run")


def test_an_interruption_keeps_a_checkpoint_and_lets_the_run_go(here):
    with suppress(KeyboardInterrupt), writing_run(Path("study/run")) as part:
        (part / "checkpoint").mkdir()
        (part / "checkpoint" / "last.ckpt").touch()
        raise KeyboardInterrupt
    assert names(Path("study")) == ["run.part"]
    assert names(Path("study/run.part")) == ["checkpoint"]
    assert run_status(Path("study/run")) == "to do"


def test_a_failure_that_cannot_be_recorded_is_said_and_not_raised(here, caplog):
    Path("study").touch()
    record_failure(Path("study/run"), {}, LeptonError("no"))
    assert "study/run.failed: cannot record the failure" in caplog.text


@pytest.mark.parametrize(
    "error", [OSError(28, "No space left on device"), Exception("os error 28")]
)
def test_a_full_disk_is_said_in_a_line_that_names_the_folder(here, error):
    with pytest.raises(LeptonError, match=r"^study/run.part: no space left on the disk; free some"):
        half_written(error)
    assert not Path("study").exists()
