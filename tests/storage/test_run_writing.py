"""Run folders: whole or not there under any interruption, and what their names say."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from lepton.errors import Diverged, Finished, LeptonError, Pruned
from lepton.storage import files
from lepton.storage.files import write_json
from lepton.storage.run_folder import read_failure, run_status
from lepton.storage.run_writing import record_failure, writing_run
from tests.quick import more_and_more
from tests.storage.conftest import end_run_with

ROOT = str(Path(__file__).parents[2])
WINE = ("dataset=wine", "model=mlp_small", "trainer.max_epochs=1")
INTERRUPTIBLE = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
PREAMBLE = """
import os, sys
from pathlib import Path
from lepton.storage.files import write_json
from lepton.storage.run_writing import writing_run
from lepton.errors import Locked
"""
WRITER = """
done = 0
while done < int(sys.argv[1]):
    try:
        with writing_run(Path("study/run")) as unfinished:
            (unfinished / "a").write_text(f"{os.getpid()} {done}")
            write_json(unfinished / "result.json", {"from": f"{os.getpid()} {done}"})
        done += 1
    except Locked:
        pass
"""


def start_python(code, *arguments):
    """Starts a process that imports `lepton.storage.run_writing` and what it needs, no more."""
    environment = dict(os.environ, PYTHONPATH=ROOT)
    return subprocess.Popen([sys.executable, "-c", PREAMBLE + code, *arguments], env=environment)


def is_whole(folder):
    return json.loads((folder / "result.json").read_text())["from"] == (folder / "a").read_text()


def names(folder):
    return sorted(p.name for p in folder.iterdir())


@pytest.mark.slow
def test_processes_that_replace_the_same_run_leave_one_whole_folder(here):
    writers = [start_python(WRITER, "40") for _ in range(3)]
    assert [w.wait(120) for w in writers] == [0, 0, 0]
    assert names(Path("study")) == ["run"]
    assert names(Path("study/run")) == ["SHA256SUMS", "a", "result.json"]
    assert is_whole(Path("study/run"))


@pytest.mark.parametrize("kills", more_and_more(100, 1000))
def test_a_writer_killed_at_any_time_loses_no_finished_run(here, kills):
    rng, run, old = random.Random(kills), Path("study/run"), Path("study/run.old")
    for _ in range(kills):
        writer = start_python(WRITER, "1000000")
        begun = time.monotonic()
        while not run.is_dir() or time.monotonic() - begun < 0.1:
            time.sleep(0.001)
        time.sleep(rng.uniform(0, 0.1))
        writer.kill()
        writer.wait()
        assert is_whole(run if run.exists() else old)
        assert set(names(Path("study"))) <= {"run", "run.part", "run.old"}
    assert start_python(WRITER, "1").wait(60) == 0
    assert names(Path("study")) == ["run"]
    assert names(run) == ["SHA256SUMS", "a", "result.json"]


@pytest.mark.slow
def test_a_finished_run_survives_a_kill_while_it_is_replaced(here):
    study = Path("study")
    assert start_python(WRITER, "1").wait(60) == 0
    first = (study / "run" / "a").read_text()
    killed = (
        "real = os.replace\ndef once(a, b):\n  real(a, b)\n  if str(a).endswith('run'): os._exit(9)"
    )
    assert start_python(f"{killed}\nos.replace = once\n{WRITER}", "1").wait(60) == 9
    assert names(study) == ["run.old", "run.part"]
    assert (study / "run.old" / "a").read_text() == first
    with pytest.raises(Finished), writing_run(study / "run", rerun=False):
        pass
    assert names(study) == ["run"]
    assert (study / "run" / "a").read_text() == first


def test_only_checkpoints_and_the_log_of_a_killed_run_are_kept(here):
    unfinished = Path("study/run.part")
    (unfinished / "predictions").mkdir(parents=True)
    (unfinished / "checkpoint").mkdir()
    for name in ("predictions/val.parquet", "spec.json", "log.txt", "checkpoint/last.ckpt"):
        (unfinished / name).write_text(name)
    with writing_run(Path("study/run")) as folder:
        left = [name for name in names(folder) if not name.startswith(".claim")]
        assert left == ["checkpoint", "log.txt"]
        (folder / "new").touch()
    assert names(Path("study/run")) == ["SHA256SUMS", "log.txt", "new"]


@pytest.mark.parametrize("name", ["log.txt", "history.parquet"])
@pytest.mark.parametrize("make", [os.mkfifo, Path.mkdir, lambda path: path.symlink_to("/dev")])
def test_what_is_no_file_in_the_place_of_a_runs_file_is_removed(here, make, name):
    unfinished = Path("study/run.part")
    unfinished.mkdir(parents=True)
    make(unfinished / name)
    with writing_run(Path("study/run")) as folder:
        assert not os.path.lexists(folder / name)
        write_json(folder / "result.json", {})
    assert Path("/dev/null").exists()


def test_a_run_that_another_process_has_finished_meanwhile_is_not_written(here):
    with writing_run(Path("study/run")) as folder:
        write_json(folder / "result.json", {})
    writing = writing_run(Path("study/run"), rerun=False)
    with pytest.raises(Finished, match="another process"):
        writing.__enter__()
    assert names(Path("study")) == ["run"]


def name_of(descriptor):
    return Path(os.readlink(f"/proc/self/fd/{descriptor}")).name


def record_syncs(monkeypatch):
    """A list that gets the names that are synced and renamed from now on, in order."""
    steps, replace = [], os.replace

    def recorded_replace(a, b):
        replace(a, b)
        steps.append(f"{Path(a).name} -> {Path(b).name}")

    monkeypatch.setattr(os, "fsync", lambda descriptor: steps.append(name_of(descriptor)))
    monkeypatch.setattr(os, "replace", recorded_replace)
    return steps


def test_json_lasts_before_it_has_its_name_and_its_name_after(tmp_path, monkeypatch):
    steps = record_syncs(monkeypatch)
    write_json(tmp_path / "x.json", {"a": 1})
    assert steps == ["x.json.part", "x.json.part -> x.json", tmp_path.name]
    assert (tmp_path / "x.json").read_text() == '{\n "a": 1\n}'


@pytest.mark.slow
@pytest.mark.parametrize("at_once", [True, False])
def test_all_files_of_a_run_last_before_it_has_its_name_and_its_name_after(
    run, monkeypatch, at_once
):
    steps = record_syncs(monkeypatch)

    def syncfs(descriptor):
        steps.append(f"all of {name_of(descriptor)}")
        return 0

    monkeypatch.setattr(files, "SYNCFS", syncfs if at_once else None)
    folder = run(*WINE)
    renaming = steps.index(f"{folder.name}.part -> {folder.name}")
    written = {p.name for p in folder.rglob("*")}
    assert len(written) == 13
    expected = {f"all of {folder.name}.part"} if at_once else {*written, f"{folder.name}.part"}
    assert expected <= set(steps[:renaming])
    assert "default" in steps[renaming:]


def write_half(error):
    with writing_run(Path("study/run")) as folder:
        (folder / "half").touch()
        raise error


def test_an_error_in_the_middle_of_writing_names_itself_and_leaves_no_part(here):
    with pytest.raises(ZeroDivisionError):
        write_half(ZeroDivisionError("division by zero"))
    assert [p.name for p in Path("study").iterdir()] == ["run.failed"]
    assert (Path("study/run.failed") / "half").exists()
    failure = read_failure(Path("study/run"))
    assert failure["error"] == "ZeroDivisionError: division by zero"
    assert "test_run_writing.py" in failure["traceback"]


@pytest.mark.parametrize("error", [LeptonError("no"), KeyboardInterrupt(), SystemExit(1)])
def test_a_mistake_or_an_interruption_in_the_middle_of_writing_leaves_nothing(here, error):
    with pytest.raises(type(error)):
        write_half(error)
    assert not Path("study").exists()


def test_a_folder_that_cannot_be_written_is_said_in_a_line(here):
    Path("study").touch()
    expected = r"^runs: cannot write to study \(.*\)$"
    with pytest.raises(LeptonError, match=expected), writing_run(Path("study/run")):
        pass


def test_ctrl_c_between_runs_of_processes_is_not_taken_for_a_failure(here):
    lines = (INTERRUPTIBLE, "import time", "with writing_run(Path('study/run')) as p:")
    code = "\n".join([*lines, "  (p/'x').touch()", "  time.sleep(60)"])
    writer = start_python(code)
    while not list(Path().glob("study/*/x")):
        time.sleep(0.01)
    writer.send_signal(signal.SIGINT)
    writer.wait(60)
    assert not Path("study").exists()


def test_the_status_of_a_run_follows_from_its_folders(here):
    folder = Path("study/run")
    assert run_status(folder) == "to do"
    end_run_with(ZeroDivisionError())
    assert run_status(folder) == "failed"
    end_run_with(Diverged("training loss is nan"))
    assert run_status(folder) == "diverged"
    end_run_with(Pruned(1, [0.5, 0.25]))
    assert run_status(folder) == "pruned"
    assert names(Path("study")) == ["run.pruned"]
    with writing_run(folder) as unfinished:
        assert run_status(folder) == "running"
        write_json(unfinished / "result.json", {})
    assert run_status(folder) == "finished"
    assert names(Path("study")) == ["run"]
    with writing_run(folder):
        assert run_status(folder) == "running"


def test_what_a_killed_process_left_is_to_do(here):
    code = "with writing_run(Path('study/run')) as p:\n  (p/'x').touch()\n  sys.stdin.read()"
    environment = dict(os.environ, PYTHONPATH=ROOT)
    command = [sys.executable, "-c", PREAMBLE + code]
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE) as owner:
        while not Path("study/run.part/x").exists():
            time.sleep(0.01)
        assert run_status(Path("study/run")) == "running"
        owner.kill()
        owner.wait()
    assert run_status(Path("study/run")) == "to do"


def test_an_interruption_keeps_a_checkpoint_and_lets_the_run_go(here):
    with suppress(KeyboardInterrupt), writing_run(Path("study/run")) as unfinished:
        (unfinished / "checkpoint").mkdir()
        (unfinished / "checkpoint" / "last.ckpt").touch()
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
        write_half(error)
    assert not Path("study").exists()


@pytest.mark.parametrize(
    "error",
    [OSError(27, "File too large"), RuntimeError("I/O error: File too large (os error 27)")],
)
def test_a_file_above_the_limit_of_the_process_is_a_line_and_leaves_nothing(here, error):
    def write():
        with writing_run(Path("study/run")) as folder:
            (folder / "weights").touch()
            raise error

    with pytest.raises(LeptonError, match=r"larger than this process may write; .*ulimit -f"):
        write()
    assert not Path("study").exists()
