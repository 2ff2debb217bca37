"""pl.Trainer with lepton's own settings beside Lightning's."""

import re
import warnings

import torch

from lepton.compat.lightning import pl
from lepton.errors import ConfigError

QUIET = (  # said on every run, and nothing the user can act on
    ".*does not have many workers.*",
    ".*`isinstance\\(treespec, LeafSpec\\)` is deprecated.*",
    ".*The number of training batches .* is smaller than the logging interval.*",
    ".*configure_optimizers.* returned .None.*",
    ".*lr_scheduler.step.*before.*optimizer.step.*",
    ".*`srun` command is available.*",
)
BROKEN = (ValueError, TypeError, ImportError)  # what Lightning raises for what a machine lacks


def best(accelerator: str) -> str:
    """bf16-mixed where an accelerator computes in it natively, elsewhere 32-true."""
    gpu = accelerator in ("auto", "gpu", "cuda") and torch.cuda.is_available()
    native = gpu and torch.cuda.is_bf16_supported(including_emulation=False)
    return "bf16-mixed" if native else "32-true"


def shared(strategy: str):
    """What shares the work among devices, as Lightning takes it."""
    if strategy != "fsdp":
        return strategy
    from lepton.trainer.sharded import Sharded

    return Sharded()


def resolved(trainer: dict) -> str | int:
    """The precision that a trainer of these settings computes in, on this machine."""
    asked = trainer["precision"]
    return best(trainer["accelerator"]) if asked == "auto" else asked


class Trainer(pl.Trainer):
    """Where and how long; batches, precision and checks on the way.

    Units: `max_time` is days:hours:minutes:seconds.
    Raises: ConfigError when the machine has not what is asked for.
    """

    def __init__(
        self,
        *,
        accelerator: str,
        devices: int | str | list[int],
        strategy: str,
        precision: str | int,
        max_epochs: int,
        max_time: str | None,
        threads: int | None,
        accumulate_grad_batches: int,
        limit_batches: int | None,
        overfit_batches: int,
        deterministic: bool,
        detect_anomaly: bool,
        profiler: str | None,
        progress: bool | None,
        checkpoint_every: float | None,
        callbacks: list,
        logger,
    ):
        if checkpoint_every is not None and checkpoint_every < 0:
            raise ConfigError(
                f"trainer.checkpoint_every: {checkpoint_every} seconds; 0 saves after every step, "
                "null only when training is asked to end"
            )
        self.progress, self.checkpoint_every = progress, checkpoint_every
        if threads is not None:
            torch.set_num_threads(threads)
        for said in QUIET:
            warnings.filterwarnings("ignore", said)
        try:
            super().__init__(
                accelerator=accelerator,
                devices=devices,
                strategy=shared(strategy),
                precision=resolved({"precision": precision, "accelerator": accelerator}),
                max_epochs=max_epochs,
                max_time=max_time,
                deterministic=deterministic,
                detect_anomaly=detect_anomaly,
                profiler=profiler,
                callbacks=callbacks,
                logger=logger,
                enable_progress_bar=False,
                enable_checkpointing=False,
                enable_model_summary=False,
                num_sanity_val_steps=0,
                use_distributed_sampler=False,
            )
        except (pl.utilities.exceptions.MisconfigurationException, *BROKEN) as e:
            raise ConfigError(f"trainer: {' '.join(str(e).split())}") from e
        if max_time is not None and not any(map(int, re.findall(r"\d+", str(max_time)))):
            raise ConfigError(f"trainer.max_time: {max_time} leaves no time for an epoch")
        if strategy == "fsdp" and self.world_size == 1:
            raise ConfigError(
                "trainer.strategy=fsdp: one device has nobody to share a network with; take "
                "trainer.devices=2 or more, or trainer.strategy=auto"
            )
