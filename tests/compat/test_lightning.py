"""Canaries for the private parts of pytorch_lightning, held against what a trainer does."""

import os
import queue
import signal
import subprocess
import sys
import threading
from functools import partial

import pytest
import torch
from torch.utils.data import DataLoader

QUIET = {
    "accelerator": "cpu",
    "logger": False,
    "enable_checkpointing": False,
    "enable_progress_bar": False,
    "enable_model_summary": False,
    "num_sanity_val_steps": 0,
}
RANKS = ("MASTER_ADDR", "MASTER_PORT", "NODE_RANK", "LOCAL_RANK", "WORLD_SIZE")
DIMENSIONS = ("data_parallel", "tensor_parallel")
pytestmark = pytest.mark.filterwarnings(
    "ignore:.*does not have many workers",
    "ignore:.*LeafSpec",
    "ignore:.*srun",
    "ignore:.*no `val_dataloader`",
)


@pytest.fixture
def moved(canary):
    return partial(canary, "pytorch-lightning")


@pytest.fixture
def private(moved):
    with moved("a name that lepton.compat.lightning imports"):
        import lepton.compat.lightning as private
    return private


@pytest.fixture
def module(private):
    class Scripted(private.pl.LightningModule):
        """Logs a given score an epoch, and notes the epochs; `first` is the one to begin with."""

        def __init__(self, scores, first=0):
            super().__init__()
            self.scores, self.first, self.epochs = scores, first, []
            self.weight = torch.nn.Parameter(torch.zeros(1))

        def on_train_start(self):
            if self.first:
                private.start_at_epoch(self.trainer, self.first)

        def training_step(self, batch, _):
            return self.weight.sum()

        def validation_step(self, batch, _):
            pass

        def on_validation_epoch_end(self):
            self.log("score", self.scores[self.current_epoch])

        def on_train_epoch_end(self):
            self.epochs.append(self.current_epoch)

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), lr=0.0)

    return Scripted


@pytest.fixture
def rows():
    return DataLoader(torch.zeros(1))


def test_a_fit_goes_on_from_the_epoch_that_it_is_told(private, module, rows, moved):
    trainer, late = private.pl.Trainer(max_epochs=5, **QUIET), module([0.0] * 5, first=3)
    with moved("Trainer.fit_loop.epoch_progress.current"):
        trainer.fit(late, rows, rows)
        assert late.epochs == [3, 4]
        assert trainer.current_epoch == 5


@pytest.mark.parametrize("automatic", [True, False])
def test_a_fit_counts_on_from_the_numbers_that_it_is_told(automatic, private, module, rows, moved):
    class Counted(module([0.0]).__class__):
        numbers = None

        def __init__(self):
            super().__init__([0.0] * 5)
            self.automatic_optimization = automatic

        def on_train_start(self):
            if self.numbers:
                private.set_progress_numbers(self.trainer, self.numbers)

        def training_step(self, batch, _):
            if not automatic:
                self.manual_backward(self.weight.sum())
                self.optimizers().step()
                return None
            return self.weight.sum()

    trainer = private.pl.Trainer(max_epochs=2, **QUIET)
    with moved("the counters of Trainer.fit_loop.epoch_loop"):
        trainer.fit(Counted(), rows, rows)
        numbers = private.progress_numbers(trainer)
        assert numbers == {"steps": 2, "batches": 2, "logged_batches": 2}
        further, Counted.numbers = private.pl.Trainer(max_epochs=3, **QUIET), numbers
        further.fit(Counted(), rows, rows)
        assert further.global_step == 5
        assert set(private.progress_numbers(further).values()) == {5}


def test_a_stopper_that_is_told_scores_stops_where_a_trainer_stops(private, module, rows, moved):
    scores = [1.0, 2.0, 1.5, 1.5, 9.0]
    options = {"monitor": "score", "mode": "max", "patience": 2, "min_delta": 0.0}
    options |= {"check_on_train_epoch_end": False}
    stopper = private.EarlyStopping(**options)
    fitted, trainer = module(scores), private.pl.Trainer(max_epochs=5, callbacks=[stopper], **QUIET)
    trainer.fit(fitted, rows, rows)
    assert fitted.epochs == [0, 1, 2, 3]
    with moved("EarlyStopping._evaluate_stopping_criteria"):
        stopper = private.EarlyStopping(**options)
        stops = [private.stops_after(stopper, torch.tensor(score)) for score in scores[:4]]
        assert stops == [False, False, False, True]


class Stopped(Exception):
    """Ends a fit where its processes would wait for each other."""


@pytest.fixture
def launch(private, module, rows, monkeypatch):
    """Has Lightning start the further processes of a fit, which ends before they meet."""

    class Unmet(private.pl.strategies.DDPStrategy):
        def setup_environment(self):
            raise Stopped

    def launch(devices):
        trainer = private.pl.Trainer(devices=devices, strategy=Unmet(), max_epochs=1, **QUIET)
        with pytest.raises(Stopped):
            trainer.fit(module([0.0]), rows, rows)

    for name in RANKS:
        monkeypatch.delenv(name, raising=False)
    return launch


@pytest.fixture
def children(monkeypatch):
    """Puts processes of given lines in the place of those that Lightning starts.

    What was to be started and what is instead is in the list that it returns; Lightning cannot
    kill the tests.
    """
    start, kill, started = subprocess.Popen, os.kill, []

    def children(*lines):
        waiting = iter(lines)

        def instead(command, **_):
            started.append((command, start(next(waiting))))
            return started[-1][1]

        monkeypatch.setattr(subprocess, "Popen", instead)
        return started

    me, before = os.getpid(), set(threading.enumerate())
    monkeypatch.setattr(os, "kill", lambda pid, number: None if pid == me else kill(pid, number))
    yield children
    for _, process in started:
        process.kill()
        process.wait()
    if any(process.returncode for _, process in started):
        for watch in set(threading.enumerate()) - before:
            watch.join(15)  # it looks every five seconds


def test_further_processes_of_a_fit_run_the_module_that_is_asked_for(
    private, launch, children, moved
):
    started = children(["true"])
    before = list(sys.argv), sys.modules["__main__"].__spec__, dict(os.environ)
    with moved("sys.argv and __main__.__spec__ in Lightning's launcher"):
        with private.further_processes_run("lepton.worker", "a folder", on_lost=print):
            launch(devices=2)
        [(command, process)] = started
        process.wait()
        assert command[:4] == [sys.executable, "-m", "lepton.worker", "a folder"]
        # after a job of Hydra's
        assert all(override.startswith("hydra.") for override in command[4:])
        assert (sys.argv, sys.modules["__main__"].__spec__, dict(os.environ)) == before


def test_further_processes_are_ended_and_what_killed_one_is_told(private, launch, children, moved):
    started, before = children(["sleep", "60"], ["sleep", "60"]), set(threading.enumerate())
    with moved("subprocess_script._launch_process_observer"):
        with private.further_processes_run("lepton.worker", on_lost=print):
            launch(devices=3)
        [watch] = set(threading.enumerate()) - before
        assert watch.name == private.WATCHING_THREAD
        started[1][1].send_signal(signal.SIGTERM)
        killed = private.end_further_processes(0.5)
        assert killed == "process 2 of 0 to 2 was killed by SIGTERM"
        codes = [process.returncode for _, process in started]
        assert codes == [-signal.SIGKILL, -signal.SIGTERM]
        watch.join(15)
        assert not watch.is_alive()


def test_a_fit_that_does_not_notice_a_lost_process_is_told_of_it(
    private, launch, children, moved, monkeypatch
):
    monkeypatch.setattr(private, "SECONDS_TO_NOTICE", 0.0)
    monkeypatch.setattr(private, "POLL_SECONDS", 0.02)
    started, heard, codes = children(["false"], ["sleep", "60"]), queue.Queue(), queue.Queue()
    monkeypatch.setattr(os, "_exit", codes.put)
    with moved("subprocess_script._launch_process_observer"):
        with private.further_processes_run("lepton.worker", on_lost=heard.put):
            launch(devices=3)
            assert heard.get(timeout=20) == "process 1 of 0 to 2 exited with code 1"
            assert codes.get(timeout=20) == 1
        assert [process.returncode for _, process in started] == [1, -signal.SIGKILL]
        assert private.end_further_processes(0.5) == ""


def test_a_mesh_of_all_processes_and_no_hook_are_enough_to_divide_a_model(
    private, module, rows, moved, monkeypatch
):
    meshes = []

    class Divided(private.DividedModelStrategy):
        def setup(self, trainer):
            meshes.append({name: self.device_mesh[name].size() for name in DIMENSIONS})
            super().setup(trainer)

    for name in RANKS:
        monkeypatch.delenv(name, raising=False)
    fitted = module([0.0])
    with moved("ModelParallelStrategy.setup_environment, setup and device_mesh"):
        try:
            with private.further_processes_run("lepton.worker", on_lost=print):
                trainer = private.pl.Trainer(devices=1, strategy=Divided(), max_epochs=1, **QUIET)
                trainer.fit(fitted, rows)
        finally:
            if torch.distributed.is_initialized():
                torch.distributed.destroy_process_group()
        assert fitted.epochs == [0]
        assert meshes == [{"data_parallel": 1, "tensor_parallel": 1}]


def test_all_processes_of_all_nodes_have_a_share_of_a_divided_model(private, moved, monkeypatch):
    def begun(strategy):
        raise Stopped

    with moved("ModelParallelStrategy._data_parallel_size and _tensor_parallel_size"):
        automatic = private.ModelParallelStrategy()
        assert automatic._data_parallel_size == automatic._tensor_parallel_size == "auto"
        strategy = private.DividedModelStrategy()
        strategy.parallel_devices, strategy.num_nodes = [torch.device("cpu")] * 3, 2
        monkeypatch.setattr(private.ModelParallelStrategy, "setup_environment", begun)
        with pytest.raises(Stopped):
            strategy.setup_environment()
        assert (strategy._data_parallel_size, strategy._tensor_parallel_size) == (6, 1)
