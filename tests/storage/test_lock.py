"""One live process a run: claims are exclusive, outlive no process, and need no clock."""

import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from lepton.config.check import check
from lepton.config.identity import run_folder
from lepton.errors import Claimed
from lepton.run import train_checked
from lepton.storage import lock, results
from tests.quick import compose

ROOT = str(Path(__file__).parents[2])
TAKER = """
import sys, time
from pathlib import Path
from lepton.storage import lock
from lepton.errors import Claimed
while not Path("go").exists():
    time.sleep(0.0005)
try:
    lock.take(Path("study/run.part"))
    print("took", flush=True)
    time.sleep(float(sys.argv[1]))
except Claimed as e:
    print(e, flush=True)
"""


def taker(seconds=0):
    environment = dict(os.environ, PYTHONPATH=ROOT)
    line = [sys.executable, "-c", TAKER, str(seconds)]
    return subprocess.Popen(line, env=environment, stdout=subprocess.PIPE, text=True)


@pytest.fixture
def part(here):
    """Where the run is written; nothing of it is there yet."""
    yield here / "study" / "run.part"
    for held in list(lock.HEART.held):
        lock.release(held)


def left(part, *, host=None, place=None, pid=1, start="7"):
    """A claim as another process leaves it."""
    mine = lock.this_process()
    part.mkdir(parents=True, exist_ok=True)
    owner = (host or mine.host, place or mine.place, str(pid), start, "0123456789ab")
    file = part / "_".join([lock.PREFIX, *owner])
    file.write_text("0")
    return file


def test_a_claimed_run_is_refused_with_the_process_that_has_it(part):
    Path("go").touch()
    with taker(60) as owner:
        assert owner.stdout.readline() == "took\n"
        with pytest.raises(Claimed) as error:
            lock.take(part)
        owner.kill()
    expected = f"run: process {owner.pid} on {socket.gethostname()} is training this run"
    assert str(error.value) == expected
    assert error.value.exit_code == 2


def test_the_claim_of_a_killed_process_is_free_at_once(part):
    Path("go").touch()
    with taker(60) as owner:
        assert owner.stdout.readline() == "took\n"
        owner.kill()
        time.sleep(0.1)  # a zombie by now: nobody has waited for it
        mine = lock.take(part)
    assert lock.claims(part) == [mine]
    assert lock.holder(part).pid == os.getpid()


def test_a_process_that_got_the_number_of_a_dead_one_is_not_taken_for_it(part):
    left(part, pid=os.getpid(), start="1")
    assert lock.holder(part) is None
    lock.take(part)


def test_of_many_that_want_what_a_dead_process_left_one_gets_it(part):
    for dead in (True, False) * 3:
        if dead:
            left(part, pid=2**22 + 1)
        takers = [taker(60) for _ in range(5)]
        time.sleep(0.3)
        Path("go").touch()
        said = [process.stdout.readline() for process in takers]
        winner = [process for process, line in zip(takers, said, strict=True) if line == "took\n"]
        assert len(winner) == 1, said
        assert sum(f"process {winner[0].pid} on" in line for line in said) == 4
        for process in takers:
            process.kill()
            process.communicate()
        Path("go").unlink()
        for file in lock.claims(part):
            file.unlink()


@pytest.fixture
def quick(monkeypatch):
    """Beats and silences of another machine in tenths of seconds; nothing known of any yet."""
    monkeypatch.setattr(lock, "BEAT", 0.05)
    monkeypatch.setattr(lock, "SILENCE", 0.4)
    monkeypatch.setattr(lock, "HEART", lock.Heart())
    monkeypatch.setattr(lock, "HEARD", {})
    monkeypatch.setattr(lock, "SILENT", {})


@pytest.fixture(params=[0, 86_400, -86_400])
def clock(request, monkeypatch):
    """The time of day, right, a day fast and a day slow; from the second look on."""
    real, looks = time.time, []

    def wrong():
        looks.append(1)
        return real() + (request.param if len(looks) > 1 else 0)

    monkeypatch.setattr(time, "time", wrong)


ELSEWHERE = [{"host": "elsewhere"}, {"place": "another"}]


@pytest.mark.parametrize("where", ELSEWHERE)
def test_another_machines_process_that_is_silent_loses_its_runs(part, quick, clock, where):
    left(part, **where)
    assert lock.holder(part) is not None
    began = time.monotonic()
    lock.take(part)
    assert time.monotonic() - began >= lock.SILENCE
    other = part.with_name("other.part")
    left(other, **where)
    began = time.monotonic()
    lock.take(other)  # of the same process: known to be silent
    assert time.monotonic() - began < lock.SILENCE / 2


@pytest.mark.parametrize("where", ELSEWHERE)
def test_another_machines_process_that_beats_keeps_its_runs(part, quick, clock, where):
    file, ended = left(part, **where), threading.Event()
    os.utime(file, (0, 0))

    def beat():
        for count in range(10_000):
            if ended.wait(0.02):
                return
            file.write_text(f"{count}")
            os.utime(file, (0, 0))

    thread = threading.Thread(target=beat)
    thread.start()
    with pytest.raises(Claimed, match=r"run: process 1 on"):
        lock.take(part)
    ended.set()
    thread.join()
    with pytest.raises(Claimed):
        lock.take(part)  # heard a moment ago


def test_sixty_four_claims_beat_by_one_thread(part, quick):
    others = set(threading.enumerate())
    files = [lock.take(part.with_name(f"{number}.part")) for number in range(64)]
    (beating,) = set(threading.enumerate()) - others
    before = [file.read_text() for file in files]
    time.sleep(0.5)
    assert all(file.read_text() != old for file, old in zip(files, before, strict=True))
    for file in files:
        lock.release(file)
    beating.join(5)
    assert not beating.is_alive()
    assert not any(file.exists() for file in files)


def test_a_forked_child_holds_nothing_and_beats_for_nobody(part):
    lock.take(part)
    assert lock.HEART.held
    child = os.fork()
    if not child:
        os._exit(len(lock.HEART.held))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def overtaken(folder):
    """Writes a run whose claim another process takes over meanwhile; the other one's claim."""
    with results.writing(folder) as part:
        (mine,) = lock.claims(part)
        theirs = mine.rename(mine.with_name(mine.name[:-12] + "f" * 12))
        (part / "theirs").touch()
    return theirs


def test_a_run_that_was_taken_over_is_left_to_its_new_owner(part):
    with pytest.raises(Claimed, match="taken this run over"):
        overtaken(part.with_name("run"))
    assert [p.name for p in part.parent.iterdir()] == ["run.part"]
    kept = sorted(p.name for p in part.iterdir())
    assert kept[0].endswith("f" * 12)
    assert kept[1:] == ["theirs"]


def test_a_process_whose_run_was_taken_over_stops_before_it_writes_a_checkpoint(part, run):
    def lose(epoch, score):
        (folder,) = Path("runs/default").iterdir()
        (mine,) = lock.claims(folder)
        mine.rename(mine.with_name(mine.name[:-12] + "f" * 12))
        return False

    plain = check(compose("dataset=wine", "model=linear", "trainer.checkpoint_every=0"))
    with pytest.raises(Claimed, match="taken this run over"):
        train_checked(plain, run_folder(plain), lose)
    (folder,) = Path("runs/default").iterdir()
    assert folder.suffix == ".part"
    assert not list(folder.glob("checkpoint/*"))


COUNTED = """
import time
from torch import nn


class Counted(nn.Module):
    def __init__(self, *, spec, number: int):
        super().__init__()
        with open("built.txt", "a") as file:
            file.write(f"{number}\\n")
        time.sleep(0.1)
        self.layer = nn.Linear(len(spec.num_features), spec.outputs)

    def forward(self, batch):
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
    return here / "built.txt"


def test_two_sweeps_at_once_train_no_run_twice_and_overwrite_nothing(counted, start, here):
    words = ("dataset=wine", "model=counted", "trainer.max_epochs=20", "seed=range(8)")
    both = [start("train", "-m", *words, said=here / f"{i}.txt") for i in range(2)]
    for process in both:
        process.join(120)
    said = [path.read_text() for path in sorted(here.glob("?.txt"))]
    assert [process.exitcode for process in both] == [0, 0], said
    assert sorted(counted.read_text().split()) == [str(seed) for seed in range(8)]
    assert any("is training this run" in text for text in said)
    folders = sorted(p for p in Path("runs/default").iterdir() if p.is_dir())
    assert [results.status(folder) for folder in folders] == ["finished"] * 8
    assert not list(Path("runs/default").rglob(".*"))
