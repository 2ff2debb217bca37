"""SIGTERM and Ctrl-C: saved and ended within a batch, and the second time at once."""

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from lepton.compat.lightning import pl
from lepton.config.check import check
from lepton.config.compose import compose
from lepton.config.identity import run_folder
from lepton.run import train_checked
from lepton.storage.run_folder import run_status, unfinished_folder
from lepton.training import resume, signals
from lepton.training.signals import Interrupted, interrupted_by_sigterm, requested, watching

LONG = (
    *("dataset=synthetic", "dataset.rows=1000", "model=resnet", "model.hidden_dropout=0.2"),
    *(
        "model.width=16",
        "regularization=ema",
        "scheduler=cosine",
        "trainer.max_epochs=1000",
        "batch_size=32",
    ),
)
WINE = ("dataset=wine", "model=mlp_small", "trainer.max_epochs=4")


def handlers():
    return [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]


def test_the_first_signal_is_noted_and_the_second_ends_at_once():
    before = handlers()
    with pytest.raises(KeyboardInterrupt):
        _signal_twice()
    assert requested() is None
    assert handlers() == before


def _signal_twice():
    with watching():
        assert requested() is None
        os.kill(os.getpid(), signal.SIGTERM)
        assert requested() == signal.SIGTERM
        os.kill(os.getpid(), signal.SIGINT)


def test_a_signal_that_nobody_has_heeded_ends_what_follows():
    with pytest.raises(Interrupted), watching():
        os.kill(os.getpid(), signal.SIGTERM)
    assert requested() is None


def test_sigterm_is_left_to_who_hears_it_in_another_language(monkeypatch):
    before = handlers()
    monkeypatch.setattr(signal, "getsignal", lambda number: None)  # not set from Python
    with interrupted_by_sigterm():
        pass
    monkeypatch.undo()
    assert handlers() == before


def test_sigterm_says_the_place_of_the_innermost():
    before = handlers()
    with (
        pytest.raises(Interrupted, match="after the inner one"),
        interrupted_by_sigterm("the outer one"),
        interrupted_by_sigterm("the inner one"),
    ):
        os.kill(os.getpid(), signal.SIGTERM)
    assert handlers() == before


def test_another_thread_than_the_main_one_sets_no_handler():
    handlers_inside, before = [], handlers()

    def watch():
        with watching():
            handlers_inside.append(handlers())

    thread = threading.Thread(target=watch)
    thread.start()
    thread.join()
    assert handlers_inside == [before]


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_training_ends_with_a_checkpoint_and_the_handlers_are_those_of_before(here, number, code):
    config = check(compose(*WINE))
    folder, before = run_folder(config), handlers()

    def kill(epoch, score):
        os.kill(os.getpid(), number)
        return False

    with pytest.raises(Interrupted) as error:
        train_checked(config, folder, kill)
    assert error.value.code == code
    assert "after epoch 1; finished runs are kept, the same command goes on" in str(error.value)
    assert handlers() == before
    assert (unfinished_folder(folder) / "checkpoint" / "last.ckpt").is_file()
    assert run_status(folder) == "to do"


def test_sigterm_while_lightning_hears_signals_itself_is_no_ctrl_c(here, monkeypatch):
    real, before = pl.Trainer._run_stage, handlers()  # after its handlers, before the first batch

    def kill(trainer):
        os.kill(os.getpid(), signal.SIGTERM)
        return real(trainer)

    monkeypatch.setattr(pl.Trainer, "_run_stage", kill)
    config = check(compose(*WINE))
    with pytest.raises(Interrupted) as error, interrupted_by_sigterm():
        train_checked(config, run_folder(config))
    assert error.value.code == 143
    assert handlers() == before


def test_a_long_validation_is_not_waited_for(here, monkeypatch):
    config = check(compose(*WINE, "trainer.checkpoint_every=0"))
    real, epochs = resume.Resume.on_validation_batch_start, []

    def kill(self, *arguments):
        epochs.append(1)
        if len(epochs) == 2:
            os.kill(os.getpid(), signal.SIGTERM)
            monkeypatch.setattr(signals, "SECONDS_TO_WAIT", -1.0)
        real(self, *arguments)

    monkeypatch.setattr(resume.Resume, "on_validation_batch_start", kill)
    with pytest.raises(Interrupted, match="after the last checkpoint; "):
        train_checked(config, run_folder(config))
    assert run_status(run_folder(config)) == "to do"
    assert unfinished_folder(run_folder(config)).exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "code", "beginning"),
    [(signal.SIGTERM, 143, "stopped by SIGTERM; "), (signal.SIGINT, 130, "interrupted; ")],
)
@pytest.mark.parametrize("where", ["read_data", "build_learner", "score_and_save"])
def test_before_the_first_step_and_after_the_last_it_ends_in_a_line_and_leaves_nothing(
    where, number, code, beginning, lepton, here, monkeypatch
):
    before = handlers()
    monkeypatch.setattr(f"lepton.run.{where}", lambda *_, **__: os.kill(os.getpid(), number))
    exit_code, _, message = lepton("train", "dataset=wine", "model=linear", "trainer.max_epochs=1")
    assert exit_code == code
    assert message.splitlines()[-1].startswith(f"lepton: {beginning}")
    assert not [p for p in here.rglob("*") if p.suffix == ".part" or p.name.startswith(".lock")]
    assert handlers() == before


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_pool_ends_while_its_workers_load(number, code, start, here):
    words = ("dataset=wine", "model=linear", "trainer.max_epochs=1", "hydra/launcher=parallel")
    process = start("train", "-m", *words, "seed=1,2", "study=pool")
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    servers: list[str] = []
    while process.is_alive() and not servers:
        servers = [pid for pid in children.read_text().split() if "forkserver" in _words(pid)]
    began = time.monotonic()
    os.killpg(process.pid, number) if number == signal.SIGINT else os.kill(process.pid, number)
    process.join(60)
    assert time.monotonic() - began < 5
    assert process.exitcode == code
    output = (here / "output.txt").read_text()
    assert "Traceback" not in output
    assert len(output.splitlines()) == 2
    assert [path.name for path in (here / "runs" / "pool").iterdir()] == ["sweep.json"]
    deadline = time.monotonic() + 10  # the tracker of resources goes when its pipe has closed
    while any(_words(pid) for pid in servers) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(_words(pid) for pid in servers)


def _words(pid):
    """The command line of a process; nothing when it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except FileNotFoundError:
        return ""


@pytest.fixture
def training(start, here):
    """Starts the command and waits for training to have begun."""

    def training(*overrides):
        process = start("train", *overrides, "trainer.checkpoint_every=0")
        while process.is_alive() and not list(here.glob("runs/*/*.part/checkpoint/last.ckpt")):
            time.sleep(0.01)
        return process

    return training


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "code", "name"),
    [(signal.SIGTERM, 143, "SIGTERM"), (signal.SIGINT, 130, "Ctrl-C")],
)
def test_the_command_ends_soon_says_so_in_a_line_and_goes_on(
    number, code, name, training, command, here, run, fingerprint
):
    overrides = [*LONG, "trainer.max_epochs=15", "study=ended"]
    process = training(*overrides)
    began = time.monotonic()
    os.kill(process.pid, number)
    process.join(20)
    assert time.monotonic() - began < 5
    assert process.exitcode == code
    output = (here / "output.txt").read_text().splitlines()
    assert output[-1].startswith(f"lepton: stopped by {name} after epoch ")
    assert not any("Traceback" in line for line in output)
    code, output = command("train", *overrides)
    assert code == 0, output
    assert "goes on after epoch" in output
    (folder,) = Path("runs/ended").iterdir()
    assert fingerprint(folder) == fingerprint(run(*overrides, "study=whole"))


def test_the_second_ctrl_c_ends_the_command_at_once(training, here, monkeypatch):
    process = training(*LONG)
    for _ in range(2):
        os.kill(process.pid, signal.SIGINT)
    process.join(20)
    assert process.exitcode == 130
    output = (here / "output.txt").read_text()
    assert "Traceback" not in output
    assert len(output.splitlines()[-1]) > 10


@pytest.mark.slow
def test_a_sweep_that_is_ended_goes_on(training, command, here, run, fingerprint):
    overrides = [*LONG, "trainer.max_epochs=8", "study=ended", "hydra/launcher=basic"]
    process = training("-m", *overrides, "seed=1,2")
    os.kill(process.pid, signal.SIGTERM)
    process.join(20)
    assert process.exitcode == 143
    names = sorted(p.suffix for p in Path("runs/ended").iterdir())
    assert ".part" in names
    assert ".failed" not in names
    code, output = command("train", "-m", *overrides, "seed=1,2")
    assert code == 0, output
    folders = sorted(p for p in Path("runs/ended").iterdir() if p.is_dir())
    assert len(folders) == 2
    for seed, folder in enumerate(folders, 1):
        assert fingerprint(folder) == fingerprint(run(*overrides, "study=whole", f"seed={seed}"))


@pytest.mark.slow
def test_what_was_asked_is_forgotten_with_the_training(here):
    config = check(compose(*WINE))
    with pytest.raises(Interrupted):
        train_checked(config, run_folder(config), lambda *_: signals.RECEIVED.append(15))
    assert requested() is None
    assert train_checked(config, run_folder(config)).epochs == 4


class EndsLoudly:
    """Gets a signal while Python clears it away."""

    def __init__(self, number):
        self.number = number

    def __del__(self):
        os.kill(os.getpid(), self.number)
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("number", "error"), [(signal.SIGTERM, Interrupted), (signal.SIGINT, KeyboardInterrupt)]
)
def test_a_signal_within_a_finalizer_is_heard_all_the_same(number, error):
    def work():
        EndsLoudly(number)
        for _ in range(1000):
            time.sleep(0.01)

    with pytest.raises(error), interrupted_by_sigterm():
        work()
