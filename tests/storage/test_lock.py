"""One live process a run: locks are exclusive, outlive no process, and need no clock."""

import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from lepton.config.check import check
from lepton.config.compose import compose
from lepton.config.identity import run_folder
from lepton.errors import LeptonError, Locked
from lepton.run import train_checked
from lepton.storage import heartbeat
from lepton.storage.lock import LOCK_PREFIX, acquire_lock, lock_files, lock_owner, release_lock
from lepton.storage.process_identity import this_process
from lepton.storage.run_folder import run_status
from lepton.storage.run_writing import writing_run

ROOT = str(Path(__file__).parents[2])
TAKER = """
import sys, time
from pathlib import Path
from lepton.storage.lock import acquire_lock
from lepton.errors import Locked
while not Path("go").exists():
    time.sleep(0.0005)
try:
    acquire_lock(Path("study/run.part"))
    print("took", flush=True)
    time.sleep(float(sys.argv[1]))
except Locked as e:
    print(e, flush=True)
"""


def start_taker(seconds=0):
    """A process that locks the run once `go` is there, and holds it for some seconds."""
    environment = dict(os.environ, PYTHONPATH=ROOT)
    command = [sys.executable, "-c", TAKER, str(seconds)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


@pytest.fixture
def unfinished(here):
    """Where the run is written; nothing of it is there yet."""
    yield here / "study" / "run.part"
    for lock in list(heartbeat.HEARTBEAT.held):
        release_lock(lock)


def leave_lock(unfinished, *, host=None, machine=None, pid=1, start="7"):
    """Writes a lock file as another process leaves it."""
    this = this_process()
    unfinished.mkdir(parents=True, exist_ok=True)
    owner = (host or this.host, machine or this.machine, str(pid), start, "0123456789ab")
    file = unfinished / "_".join([LOCK_PREFIX, *owner])
    file.write_text("0")
    return file


def test_a_locked_run_is_refused_with_the_process_that_has_it(unfinished):
    Path("go").touch()
    with start_taker(60) as owner:
        assert owner.stdout.readline() == "took\n"
        with pytest.raises(Locked) as error:
            acquire_lock(unfinished)
        owner.kill()
    expected = f"run: process {owner.pid} on {socket.gethostname()} is training this run"
    assert str(error.value) == expected
    assert error.value.exit_code == 2


def test_the_lock_of_a_killed_process_is_free_at_once(unfinished):
    Path("go").touch()
    with start_taker(60) as owner:
        assert owner.stdout.readline() == "took\n"
        owner.kill()
        time.sleep(0.1)  # a zombie by now: nobody has waited for it
        lock_file = acquire_lock(unfinished)
    assert lock_files(unfinished) == [lock_file]
    assert lock_owner(unfinished).pid == os.getpid()


def test_a_process_that_got_the_number_of_a_dead_one_is_not_taken_for_it(unfinished):
    leave_lock(unfinished, pid=os.getpid(), start="1")
    assert lock_owner(unfinished) is None
    acquire_lock(unfinished)


@pytest.mark.slow
def test_of_many_that_want_what_a_dead_process_left_one_gets_it(unfinished):
    for with_dead_lock in (True, False) * 3:
        if with_dead_lock:
            leave_lock(unfinished, pid=2**22 + 1)
        takers = [start_taker(60) for _ in range(5)]
        time.sleep(0.3)
        Path("go").touch()
        answers = [process.stdout.readline() for process in takers]
        winner = [
            process for process, line in zip(takers, answers, strict=True) if line == "took\n"
        ]
        assert len(winner) == 1, answers
        assert sum(f"process {winner[0].pid} on" in line for line in answers) == 4
        for process in takers:
            process.kill()
            process.communicate()
        Path("go").unlink()
        for file in lock_files(unfinished):
            file.unlink()


@pytest.fixture
def fast_heartbeat(monkeypatch):
    """Beats and silences of another machine in tenths of seconds; nothing known of any yet."""
    monkeypatch.setattr(heartbeat, "BEAT_SECONDS", 0.05)
    monkeypatch.setattr(heartbeat, "SILENCE_SECONDS", 0.4)
    monkeypatch.setattr(heartbeat, "HEARTBEAT", heartbeat.Heartbeat())
    monkeypatch.setattr(heartbeat, "LAST_HEARD", {})
    monkeypatch.setattr(heartbeat, "SILENT_AT", {})


@pytest.fixture(params=[0, 86_400, -86_400])
def clock(request, monkeypatch):
    """The time of day, right, a day fast and a day slow; from the second look on."""
    real_time, looks = time.time, []

    def shifted_time():
        looks.append(1)
        return real_time() + (request.param if len(looks) > 1 else 0)

    monkeypatch.setattr(time, "time", shifted_time)


ELSEWHERE = [{"host": "elsewhere"}, {"machine": "another"}]


@pytest.mark.parametrize("where", ELSEWHERE)
def test_another_machines_process_that_is_silent_loses_its_runs(
    unfinished, fast_heartbeat, clock, where, caplog
):
    caplog.set_level("INFO", logger="lepton")
    leave_lock(unfinished, **where)
    assert lock_owner(unfinished) is not None
    began = time.monotonic()
    acquire_lock(unfinished)
    assert time.monotonic() - began >= heartbeat.SILENCE_SECONDS
    other = unfinished.with_name("other.part")
    leave_lock(other, **where)
    assert caplog.text.count("still at it?") == 1
    acquire_lock(other)  # of the same process: known to be silent, and watched no more
    assert caplog.text.count("still at it?") == 1


@pytest.mark.parametrize("where", ELSEWHERE)
def test_another_machines_process_that_beats_keeps_its_runs(
    unfinished, fast_heartbeat, clock, where, monkeypatch
):
    monkeypatch.setattr(heartbeat, "SILENCE_SECONDS", 30)  # the thread below may wait for its turn
    file, ended = leave_lock(unfinished, **where), threading.Event()
    os.utime(file, (0, 0))

    def beat():
        for count in range(10_000):
            if ended.wait(0.02):
                return
            file.write_text(f"{count}")
            os.utime(file, (0, 0))

    thread = threading.Thread(target=beat)
    thread.start()
    with pytest.raises(Locked, match=r"run: process 1 on"):
        acquire_lock(unfinished)
    ended.set()
    thread.join()
    with pytest.raises(Locked):
        acquire_lock(unfinished)  # heard a moment ago


def test_sixty_four_locks_beat_by_one_thread(unfinished, fast_heartbeat):
    others = set(threading.enumerate())
    files = [acquire_lock(unfinished.with_name(f"{number}.part")) for number in range(64)]
    (beating,) = set(threading.enumerate()) - others
    before = [file.read_text() for file in files]
    deadline = time.monotonic() + 60
    while any(file.read_text() == old for file, old in zip(files, before, strict=True)):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    for file in files:
        release_lock(file)
    beating.join(5)
    assert not beating.is_alive()
    assert not any(file.exists() for file in files)


def test_a_forked_child_holds_nothing_and_beats_for_nobody(unfinished):
    acquire_lock(unfinished)
    assert heartbeat.HEARTBEAT.held
    child = os.fork()
    if not child:
        os._exit(len(heartbeat.HEARTBEAT.held))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def take_over(unfinished):
    """Renames the lock file of a run as another process does that takes the run over."""
    (lock_file,) = lock_files(unfinished)
    lock_file.rename(lock_file.with_name(lock_file.name[:-12] + "f" * 12))


def write_overtaken_run(folder):
    """Writes a run that another process takes over meanwhile."""
    with writing_run(folder) as unfinished:
        take_over(unfinished)
        (unfinished / "theirs").touch()


def test_a_study_that_is_removed_while_a_run_is_written_is_said_to_be_gone(unfinished):
    study = unfinished.parent

    def write():
        with writing_run(unfinished.with_name("run")):
            shutil.rmtree(study)

    with pytest.raises(LeptonError, match=r"^run: its folder was removed or renamed while"):
        write()
    assert not study.exists()


def test_a_lock_that_cannot_be_written_leaves_nothing_behind(unfinished, monkeypatch):
    study = unfinished.parent

    def refuse(path, text):
        path.touch()
        raise OSError(27, "File too large")

    monkeypatch.setattr(type(unfinished), "write_text", refuse)
    with pytest.raises(OSError, match="too large"):
        acquire_lock(unfinished)
    assert not study.exists()


def test_a_run_that_was_taken_over_is_left_to_its_new_owner(unfinished):
    with pytest.raises(Locked, match="taken this run over"):
        write_overtaken_run(unfinished.with_name("run"))
    assert [p.name for p in unfinished.parent.iterdir()] == ["run.part"]
    names = sorted(p.name for p in unfinished.iterdir())
    assert names[0].endswith("f" * 12)
    assert names[1:] == ["theirs"]


def test_a_process_whose_run_was_taken_over_stops_before_it_writes_a_checkpoint(unfinished, run):
    def lose(epoch, score):
        (folder,) = Path("runs/default").iterdir()
        take_over(folder)
        return False

    config = check(compose("dataset=wine", "model=linear", "trainer.checkpoint_every=0"))
    with pytest.raises(Locked, match="taken this run over"):
        train_checked(config, run_folder(config), lose)
    (folder,) = Path("runs/default").iterdir()
    assert folder.suffix == ".part"
    assert not list(folder.glob("checkpoint/*"))


COUNTED = """
import time
from torch import nn


class Counted(nn.Module):
    def __init__(self, *, spec, number: int):
        super().__init__()
        self.number, self.is_counted = number, False
        self.layer = nn.Linear(len(spec.num_features), spec.outputs)

    def forward(self, batch):
        if self.training and not self.is_counted:
            self.is_counted = True
            with open("trained.txt", "a") as file:
                file.write(f"{self.number}\\n")
            time.sleep(0.1)
        return self.layer(batch["num"])
"""


@pytest.fixture
def counted(here, monkeypatch):
    """A user's model that notes in a file each time that it is built."""
    (here / "counted.py").write_text(COUNTED)
    (here / "conf" / "model").mkdir(parents=True)
    yaml = "# Counts.\n_target_: counted.Counted\nnumber: ${seed}  # the run\n"
    (here / "conf" / "model" / "counted.yaml").write_text(yaml)
    monkeypatch.setenv("LEPTON_ALLOW", "counted")
    return here / "trained.txt"


@pytest.mark.slow
@pytest.mark.parametrize("names", [("wine", "wine"), ("barolo", "chianti")])
def test_two_sweeps_at_once_train_no_run_twice_and_overwrite_nothing(counted, start, here, names):
    overrides = ("dataset=wine", "model=counted", "trainer.max_epochs=20", "seed=range(8)")
    processes = [
        start("train", "-m", *overrides, f"dataset.name={name}", output=here / f"{i}.txt")
        for i, name in enumerate(names)
    ]
    for process in processes:
        process.join(300)
    outputs = [path.read_text() for path in sorted(here.glob("?.txt"))]
    assert [process.exitcode for process in processes] == [0, 0], outputs
    assert sorted(counted.read_text().split()) == [str(seed) for seed in range(8)]
    assert any("is training this run" in text for text in outputs)
    folders = sorted(p for p in Path("runs/default").iterdir() if p.is_dir())
    assert [run_status(folder) for folder in folders] == ["finished"] * 8
    assert not list(Path("runs/default").rglob(".*"))


def test_a_folder_that_is_renamed_while_it_is_looked_at_has_no_locks(here, monkeypatch):
    monkeypatch.setattr(Path, "is_dir", lambda path: True)  # it is there, and then it is gone
    assert lock_files(here / "finished.part") == []
