"""pytorch_lightning as lepton imports it, and its private parts, each behind a name of its own."""

import importlib.util
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor

from lepton.compat.torchmetrics import without_transformers

with without_transformers():  # Lightning imports torchmetrics
    import pytorch_lightning as pl
    from lightning_fabric.utilities.exceptions import MisconfigurationException
    from pytorch_lightning.callbacks import Checkpoint, EarlyStopping, ProgressBar
    from pytorch_lightning.core.optimizer import LightningOptimizer
    from pytorch_lightning.loggers import Logger
    from pytorch_lightning.loggers.logger import DummyLogger
    from pytorch_lightning.profilers import Profiler
    from pytorch_lightning.strategies import ModelParallelStrategy, Strategy
    from pytorch_lightning.utilities.model_helpers import is_overridden
    from pytorch_lightning.utilities.seed import isolate_rng

__all__ = [
    "Checkpoint",
    "DummyLogger",
    "LightningOptimizer",
    "Logger",
    "MisconfigurationException",
    "Profiler",
    "ProgressBar",
    "Strategy",
    "is_overridden",
    "isolate_rng",
    "pl",
]

WATCHING_THREAD = "child-process-observer"


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
def further_processes_run(module: str, *arguments: str) -> Iterator[None]:
    """Makes Lightning start the further processes of a fit as `python -m MODULE ARGUMENTS`.

    Inside a job of Hydra's it adds arguments of Hydra's own behind them, which the module must
    bear. Afterwards the environment is what it was, without Lightning's ranks and addresses.

    No public way: a launcher starts the command line of the first process again.
    Tried: pytorch-lightning 2.5.0, 2.6.6.
    """
    import __main__

    command_line, spec, environment = sys.argv, __main__.__spec__, dict(os.environ)
    sys.argv = [command_line[0], *arguments]
    __main__.__spec__ = importlib.util.find_spec(module)
    try:
        yield
    finally:
        sys.argv, __main__.__spec__ = command_line, spec
        os.environ.clear()
        os.environ.update(environment)


def end_further_processes(seconds: float) -> None:
    """Waits for the further processes of a fit that is over, and kills those that hang.

    It ends Lightning's watch over them too, which would kill this process seconds after one of
    them has failed.

    No public way: nothing that is public holds the processes, or stops the watch.
    Tried: pytorch-lightning 2.5.0, 2.6.6.
    """
    for thread in threading.enumerate():
        if thread.name == WATCHING_THREAD:
            attributes = vars(thread)
            processes, attributes["_child_processes"] = attributes["_child_processes"], []
            for process in processes:
                try:
                    process.wait(seconds)
                except subprocess.TimeoutExpired:  # hangs in a collective operation
                    process.kill()
                    process.wait()


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
