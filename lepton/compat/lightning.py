"""pytorch_lightning as lepton imports it, and its private parts, each behind a name of its own."""

import importlib.util
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from signal import Signals
from typing import Any

from torch import Tensor

from lepton.compat.torchmetrics import without_transformers

with without_transformers():  # Lightning imports torchmetrics
    import pytorch_lightning as pl
    from lightning_fabric.loggers.logger import rank_zero_experiment
    from lightning_fabric.utilities.exceptions import MisconfigurationException
    from lightning_fabric.utilities.rank_zero import rank_zero_only
    from pytorch_lightning.callbacks import Checkpoint, EarlyStopping, ProgressBar
    from pytorch_lightning.core.optimizer import LightningOptimizer
    from pytorch_lightning.loggers import Logger, MLFlowLogger, TensorBoardLogger, WandbLogger
    from pytorch_lightning.loggers.logger import DummyLogger
    from pytorch_lightning.profilers import Profiler
    from pytorch_lightning.strategies import ModelParallelStrategy, Strategy
    from pytorch_lightning.strategies.launchers import subprocess_script
    from pytorch_lightning.utilities.exceptions import SIGTERMException
    from pytorch_lightning.utilities.model_helpers import is_overridden
    from pytorch_lightning.utilities.seed import isolate_rng

__all__ = [
    "Checkpoint",
    "DummyLogger",
    "LightningOptimizer",
    "Logger",
    "MLFlowLogger",
    "MisconfigurationException",
    "Profiler",
    "ProgressBar",
    "SIGTERMException",
    "Strategy",
    "TensorBoardLogger",
    "WandbLogger",
    "is_overridden",
    "isolate_rng",
    "pl",
    "rank_zero_experiment",
    "rank_zero_only",
]

WATCHING_THREAD = "child-process-observer"
POLL_SECONDS = 0.5  # between two looks at the further processes of a fit
SECONDS_TO_NOTICE = 10.0  # in which a fit may end by itself after one of its processes has


def start_at_epoch(trainer: pl.Trainer, epoch: int) -> None:
    """Lets a fit that has begun count its epochs on from this one, which counts from 0.

    No public way: Trainer.fit goes on only from a checkpoint file of Lightning's own.
    Tried: pytorch-lightning 2.5.0, 2.6.6.
    """
    progress = trainer.fit_loop.epoch_progress.current
    for name in ("ready", "started", "processed", "completed"):
        setattr(progress, name, epoch)


def progress_numbers(trainer: pl.Trainer) -> dict[str, int]:
    """How many optimizer steps and batches a fit has made, by which loggers and callbacks count.

    No public way: of these counters the trainer shows `global_step` alone.
    Tried: pytorch-lightning 2.5.0, 2.6.6.
    """
    loop = trainer.fit_loop.epoch_loop
    return {
        "steps": trainer.global_step,
        "batches": loop.batch_progress.total.ready,
        "logged_batches": loop._batches_that_stepped,
    }


def set_progress_numbers(trainer: pl.Trainer, numbers: dict[str, int]) -> None:
    """Lets a fit that has begun count on from these `progress_numbers` of an earlier process.

    No public way: Trainer.fit goes on only from a checkpoint file of Lightning's own.
    Tried: pytorch-lightning 2.5.0, 2.6.6.
    """
    loop = trainer.fit_loop.epoch_loop
    for counter in (
        loop.automatic_optimization.optim_progress.optimizer.step.total,
        loop.manual_optimization.optim_step_progress.total,
    ):
        counter.ready = counter.completed = numbers["steps"]
    for name in ("ready", "started", "processed", "completed"):
        setattr(loop.batch_progress.total, name, numbers["batches"])
    loop._batches_that_stepped = numbers["logged_batches"]


def stops_after(stopper: EarlyStopping, score: Tensor) -> bool:
    """Tells an EarlyStopping the score of another epoch; True when training ends with it.

    No public way: the callback takes scores from a trainer alone.
    Tried: pytorch-lightning 2.5.0, 2.6.6.
    """
    return stopper._evaluate_stopping_criteria(score)[0]


@contextmanager
def further_processes_run(
    module: str, *arguments: str, on_lost: Callable[[str], None]
) -> Iterator[None]:
    """Makes Lightning start the further processes of a fit as `python -m MODULE ARGUMENTS`.

    Inside a job of Hydra's it adds arguments of Hydra's own behind them, which the module must
    bear. Afterwards the environment is what it was, without Lightning's ranks and addresses.
    Where one of them has failed, and the fit does not end by that, `on_lost` is called in another
    thread with what has become of it, and this process exits with code 1: Lightning would kill it
    without a word.

    No public way: a launcher starts the command line of the first process again, and watches it.
    Tried: pytorch-lightning 2.5.0, 2.6.6.
    """
    import __main__

    command_line, spec, environment = sys.argv, __main__.__spec__, dict(os.environ)
    launching: Any = subprocess_script
    watch = launching._launch_process_observer
    sys.argv = [command_line[0], *arguments]
    __main__.__spec__ = importlib.util.find_spec(module)
    launching._launch_process_observer = lambda children: FurtherProcesses(
        children, on_lost
    ).start()
    try:
        yield
    finally:
        launching._launch_process_observer = watch
        sys.argv, __main__.__spec__ = command_line, spec
        os.environ.clear()
        os.environ.update(environment)


class FurtherProcesses(threading.Thread):
    """The further processes of a fit, and the watch over them, in place of Lightning's.

    No public way: a launcher starts its own, which kills this process.
    Tried: pytorch-lightning 2.5.0, 2.6.6.
    """

    def __init__(self, processes: list[subprocess.Popen], on_lost: Callable[[str], None]):
        super().__init__(daemon=True, name=WATCHING_THREAD)
        self.processes, self.on_lost = processes, on_lost
        self.fit_is_over = threading.Event()

    def run(self) -> None:
        """Gives the fit some seconds to end by itself where a process has failed, and ends it."""
        while not self.fit_is_over.wait(POLL_SECONDS):
            if lost := self.lost():
                if not self.fit_is_over.wait(SECONDS_TO_NOTICE):
                    self.kill()
                    self.on_lost(lost)
                    os._exit(1)  # the main thread cannot be woken from a collective operation
                return

    def lost(self) -> str:
        """What has become of the first process that has failed, in words; empty while none has."""
        for rank, process in enumerate(self.processes, 1):
            if code := process.poll():
                end = f"exited with code {code}" if code > 0 else f"was killed by {_signal(-code)}"
                return f"process {rank} of 0 to {len(self.processes)} {end}"
        return ""

    def killed(self) -> str:
        """As `lost`, of a process that a signal has ended."""
        return lost if "killed" in (lost := self.lost()) else ""

    def kill(self) -> None:
        """Ends those that run."""
        for process in self.processes:
            process.kill()
            process.wait()


def _signal(number: int) -> str:
    names = {signal.value: signal.name for signal in Signals}
    return names.get(number, f"signal {number}")


def end_further_processes(seconds: float) -> str:
    """Waits for the further processes of a fit that is over, and kills those that hang.

    Ends the watch over them too. Returns what was killed by another, in words.
    """
    killed = ""
    for thread in threading.enumerate():
        if isinstance(thread, FurtherProcesses):
            thread.fit_is_over.set()
            deadline = time.monotonic() + seconds
            while any(p.poll() is None for p in thread.processes):
                if time.monotonic() > deadline:  # one hangs in a collective operation
                    break
                time.sleep(0.01)
            killed = killed or thread.killed()
            thread.kill()
    return killed


class DividedModelStrategy(ModelParallelStrategy):
    """Lightning's processes for a model that is divided among all of them, of all nodes.

    A subclass divides the model along `device_mesh["data_parallel"]` before it calls `setup`.

    No public way: the sizes of the mesh must be known before Lightning knows how many devices
    there are, and ModelParallelStrategy asks for a hook that divides the LightningModule.
    Tried: pytorch-lightning 2.5.0, 2.6.6.
    """

    def setup_environment(self) -> None:
        self._data_parallel_size = self.num_nodes * self.num_processes
        self._tensor_parallel_size = 1
        super().setup_environment()

    def setup(self, trainer: pl.Trainer) -> None:
        super(ModelParallelStrategy, self).setup(trainer)  # past the one that asks for the hook
