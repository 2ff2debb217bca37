"""Trainer: Lightning's, with the settings of the config group `trainer`."""

import os
import re
from typing import Any

import torch

from lepton.compat.lightning import (
    Checkpoint,
    MisconfigurationException,
    Profiler,
    ProgressBar,
    Strategy,
    pl,
)
from lepton.config.upper_bounds import refuse_beyond_cores
from lepton.errors import ConfigError
from lepton.trainer.lightning_output import ignore_routine_warnings
from lepton.values.bounds import AtLeast0, AtLeast1, NotBelow0

# what Lightning raises for values that it cannot read, or that this machine cannot do
REFUSALS = (ValueError, TypeError, ImportError)
# what lepton does itself or without: samplers of several processes; progress and checkpoints too,
# where no callback is chosen for them
LEFT_OUT: dict[str, Any] = {
    "enable_model_summary": False,
    "num_sanity_val_steps": 0,
    "use_distributed_sampler": False,
}


def takes_cuda(accelerator: str) -> bool:
    """True where this accelerator is a GPU of CUDA on this machine."""
    return accelerator in ("auto", "gpu", "cuda") and torch.cuda.is_available()


def auto_precision(accelerator: str) -> str:
    """The precision for `auto`: bf16-mixed where a GPU computes in it natively, else 32-true."""
    native = takes_cuda(accelerator) and torch.cuda.is_bf16_supported(including_emulation=False)
    return "bf16-mixed" if native else "32-true"


def resolve_precision(trainer: dict[str, Any]) -> str | int:
    """The precision that a trainer with these settings computes in, on this machine."""
    precision = trainer["precision"]
    return auto_precision(trainer["accelerator"]) if precision == "auto" else precision


def make_strategy(strategy: str) -> str | Strategy:
    """The strategy, as Lightning takes it: its name, or for fsdp an object."""
    if strategy != "fsdp":
        return strategy
    from lepton.trainer.sharded import ShardedStrategy

    return ShardedStrategy()


class Trainer(pl.Trainer):
    """Lightning's trainer: device, precision and length of a training, and checks on the way.

    A method of the run acts on `patience`: lepton.config.patience. `extra` holds further
    arguments of Lightning's, as they are.
    Units: `max_time` is days:hours:minutes:seconds, `checkpoint_every` seconds.
    Raises: ConfigError when this machine cannot do what the values say.
    """

    callbacks: list[pl.Callback]  # these three Lightning sets, and does not declare
    profiler: Profiler
    datamodule: pl.LightningDataModule

    def __init__(
        self,
        *,
        accelerator: str,
        devices: int | str | list[int],
        strategy: str,
        precision: str | int,
        max_epochs: AtLeast1,
        patience: AtLeast1 | None,
        max_time: str | None,
        threads: AtLeast1 | None,
        accumulate_grad_batches: AtLeast1,
        limit_batches: AtLeast1 | None,
        overfit_batches: AtLeast0,
        deterministic: bool,
        detect_anomaly: bool,
        profiler: str | None,
        progress: bool | None,
        checkpoint_every: NotBelow0 | None,
        extra: dict[str, Any],
        callbacks: list[pl.Callback],
        logger: Any,
    ):
        _check_checkpoint_every(checkpoint_every)
        _check_accelerator(accelerator)
        self.progress, self.checkpoint_every, self.epochs = progress, checkpoint_every, max_epochs
        self.patience = patience
        if threads is not None:
            refuse_beyond_cores("trainer.threads", threads, "threads")
            torch.set_num_threads(threads)
        ignore_routine_warnings()
        resolved = resolve_precision({"precision": precision, "accelerator": accelerator})
        settings = LEFT_OUT | {"precision": resolved, "max_epochs": max_epochs}
        settings["enable_checkpointing"] = any(isinstance(c, Checkpoint) for c in callbacks)
        settings["enable_progress_bar"] = any(isinstance(c, ProgressBar) for c in callbacks)
        try:
            super().__init__(
                accelerator=accelerator,
                devices=devices,
                strategy=make_strategy(strategy),
                max_time=max_time,
                deterministic=deterministic,
                detect_anomaly=detect_anomaly,
                profiler=profiler,
                callbacks=callbacks,
                logger=logger,
                **{**settings, **extra},
            )
        except (MisconfigurationException, *REFUSALS) as e:
            raise ConfigError(f"trainer: {' '.join(str(e).split())}") from e
        _check_max_time(max_time)
        _check_devices(strategy, self.world_size)
        _check_processes(self)


def _check_accelerator(name: str) -> None:
    has_cuda, has_mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    if {"gpu": has_cuda or has_mps, "cuda": has_cuda, "mps": has_mps}.get(name, True):
        return
    raise ConfigError(
        f"trainer.accelerator: PyTorch finds no {name} here; write trainer=cpu, or "
        "trainer.accelerator=auto for whatever there is"
    )


def _check_checkpoint_every(seconds: float | None) -> None:
    if seconds is not None and seconds < 0:
        raise ConfigError(
            f"trainer.checkpoint_every: {seconds} seconds; 0 saves after every step, "
            "null only when training is asked to end"
        )


def _check_max_time(max_time: str | None) -> None:
    if max_time is not None and not any(map(int, re.findall(r"\d+", str(max_time)))):
        raise ConfigError(f"trainer.max_time: {max_time} leaves no time for an epoch")


def _check_processes(trainer: Trainer) -> None:
    """Raises: ConfigError for more processes than cores, which wait for each other forever."""
    cores, processes = os.cpu_count() or 1, trainer.num_devices
    if trainer.strategy.root_device.type == "cpu" and processes > max(2, cores):
        raise ConfigError(
            f"trainer.devices: {processes} processes on {cores} CPU cores; {max(2, cores)} at most"
        )


def _check_devices(strategy: str, world_size: int) -> None:
    if strategy == "fsdp" and world_size == 1:
        raise ConfigError(
            "trainer.strategy=fsdp: one device has nobody to share a network with; take "
            "trainer.devices=2 or more, or trainer.strategy=auto"
        )
