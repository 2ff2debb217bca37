"""EpochResume: saves the training of a LightningModule between epochs, and goes on with it."""

import logging
from typing import Any

from lepton.compat.lightning import pl, progress_numbers, set_progress_numbers, start_at_epoch
from lepton.errors import LeptonError
from lepton.method import Batch
from lepton.trainer.default import Trainer
from lepton.training.checkpoint import Checkpoints, check_loadable
from lepton.training.resume import keyed_callbacks
from lepton.training.saving import SavingCallback
from lepton.training.user_module.record import EpochRecord

log = logging.getLogger("lepton")
RECORD_ATTRIBUTES = ("history", "best_score", "best_epoch", "best_state")


class EpochResume(SavingCallback):
    """Saves at intervals what Lightning's own checkpoint holds, where an epoch begins.

    It comes right behind the EpochRecord, whose history it saves too. What the module's and the
    callbacks' `on_save_checkpoint` add is saved; generators are seeded anew in each epoch.
    """

    def __init__(self, checkpoints: Checkpoints, every: float | None, record: EpochRecord):
        super().__init__(checkpoints, every)
        self.record = record
        self.first_epoch = self.state["epoch"] if self.state else 0

    def on_fit_start(self, trainer: Trainer, pl_module: pl.LightningModule) -> None:
        """Puts back the states of callbacks, which some need here."""
        if self.state:
            log.info("goes on after epoch %d", self.state["epoch"])
            for key, callback in keyed_callbacks(trainer):
                if saved := self.state["callbacks"][key]:
                    callback.load_state_dict(saved)

    def on_train_start(self, trainer: Trainer, pl_module: pl.LightningModule) -> None:
        self.start_clock()
        size = sum(t.numel() * t.element_size() for t in pl_module.state_dict().values())
        self.checkpoints.check_space(4 * size)  # weights, the best, two moments
        if self.state:
            restore(self.state, trainer, pl_module)
            for name in RECORD_ATTRIBUTES:
                setattr(self.record, name, self.state["record"][name])
            self.record.replay(trainer.loggers)
            self.state = None

    def on_train_epoch_start(self, trainer: Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.current_epoch == self.first_epoch or not self.is_due():
            return
        state = training_state(trainer, pl_module)
        check_loadable({key: state[key] for key in ("callbacks", "checkpoint")})
        state["record"] = {name: getattr(self.record, name) for name in RECORD_ATTRIBUTES}
        self.save(state, place=f"epoch {trainer.current_epoch}")

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Batch,
        batch_idx: int,
    ) -> None:
        """Ends a long epoch after a signal: training goes on from the checkpoint before."""
        self.patience.check()


def training_state(trainer: Trainer, module: pl.LightningModule) -> dict[str, Any]:
    """All that the epochs to come depend on, under the names of Lightning's own checkpoint."""
    checkpoint: dict[str, Any] = {
        "epoch": trainer.current_epoch,
        "global_step": trainer.global_step,
        "state_dict": module.state_dict(),
        "optimizer_states": [optimizer.state_dict() for optimizer in trainer.optimizers],
        "lr_schedulers": [c.scheduler.state_dict() for c in trainer.lr_scheduler_configs],
    }
    for callback in trainer.callbacks:
        callback.on_save_checkpoint(trainer, module, checkpoint)
    module.on_save_checkpoint(checkpoint)
    return {
        "epoch": trainer.current_epoch,
        "progress": progress_numbers(trainer),
        "checkpoint": checkpoint,
        "precision": trainer.precision_plugin.state_dict(),
        "callbacks": {key: callback.state_dict() for key, callback in keyed_callbacks(trainer)},
    }


def restore(state: dict[str, Any], trainer: Trainer, module: pl.LightningModule) -> None:
    """Puts back what `training_state` returned, but for the states of callbacks.

    Raises: LeptonError when the module has changed since.
    """
    checkpoint = state["checkpoint"]
    start_at_epoch(trainer, state["epoch"])
    set_progress_numbers(trainer, state["progress"])
    for callback in trainer.callbacks:
        callback.on_load_checkpoint(trainer, module, checkpoint)
    module.on_load_checkpoint(checkpoint)
    try:
        module.load_state_dict(checkpoint["state_dict"])
        for optimizer, saved in zip(
            trainer.optimizers, checkpoint["optimizer_states"], strict=True
        ):
            optimizer.load_state_dict(saved)
        schedulers = [config.scheduler for config in trainer.lr_scheduler_configs]
        for scheduler, saved in zip(schedulers, checkpoint["lr_schedulers"], strict=True):
            scheduler.load_state_dict(saved)
    except (RuntimeError, ValueError, KeyError) as e:
        reason = " ".join(str(e).split())[:200]
        raise LeptonError(f"a checkpoint of another {type(module).__name__} ({reason})") from None
    trainer.precision_plugin.load_state_dict(state["precision"])
