"""Resume: saves a training between two steps, and goes on exactly with one that was killed."""

import logging
import time
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from lepton.compat.lightning import pl, progress_numbers, set_progress_numbers, start_at_epoch
from lepton.errors import LeptonError
from lepton.trainer.default import Trainer
from lepton.training.checkpoint import Checkpoints, check_loadable, differences
from lepton.training.module import TrainingModule
from lepton.training.rng_states import rng_states
from lepton.training.saving import SavingCallback

log = logging.getLogger("lepton")
# attributes of a TrainingModule that a checkpoint holds under the same names
HISTORY_ATTRIBUTES = ("history", "best_score", "best_epoch", "best_state")


class Resume(SavingCallback):
    """Saves the training at intervals, and puts back what an earlier process saved.

    It is the trainer's first callback, so that the others find their states, and are done with an
    epoch when it is saved, where the next one begins. `keep_end`: the end is saved as well, because
    another phase of the training follows. `between_epochs_only`: not within an epoch, whose begin
    callbacks would be told again.
    """

    def __init__(
        self,
        checkpoints: Checkpoints,
        every: float | None,
        *,
        keep_end: bool,
        between_epochs_only: bool,
    ):
        super().__init__(checkpoints, every)
        self.keep_end, self.between_epochs_only = keep_end, between_epochs_only

    def is_over(self, module: TrainingModule, trainer: Trainer) -> bool:
        """True when the saved training only lacked its scores; its history is then put back."""
        if self.state is None:
            return False
        log.info("goes on after %s", describe_place(self.state["epoch"], self.state["batches"]))
        if self.state["over"]:
            restore_history(self.state, module)
            module.replay_history(trainer.loggers)
            for logger in trainer.loggers:
                logger.finalize("success")
        return self.state["over"]

    def on_train_start(self, trainer: Trainer, pl_module: TrainingModule) -> None:
        self.start_clock()
        pl_module.between_steps = self.between_steps
        self.first_epoch = self.state["epoch"] if self.state else 0
        size = sum(t.numel() * t.element_size() for t in pl_module.model.state_dict().values())
        self.checkpoints.check_space(5 * size)  # weights, the best, two moments, perhaps an average
        if self.state:
            self._check_architecture(pl_module, self.state["model"])
            restore(self.state, trainer, pl_module)
            self.state = None

    def _check_architecture(self, module: TrainingModule, saved: dict[str, Tensor]) -> None:
        """Raises: LeptonError when the model is no longer the one that was saved."""
        saved_shapes, shapes = (
            {name: list(t.shape) for name, t in state.items()}
            for state in (saved, module.model.state_dict())
        )
        if differing := sorted(differences(saved_shapes, shapes)):
            folder = self.checkpoints.folder
            raise LeptonError(
                f"{folder}: a checkpoint of another architecture ({'; '.join(differing[:5])}"
                f"{'; ...' if len(differing) > 5 else ''}); remove {folder} to train anew"
            )

    def between_steps(self, module: TrainingModule) -> None:
        """Saves when it is time; called between two steps of an epoch.

        Raises: Interrupted when a signal asked for the end.
        """
        if self.between_epochs_only:
            self.patience.check()
        elif self.is_due():
            self._save(module, module.current_epoch, len(module.losses), over=False)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: TrainingModule) -> None:
        """Saves the epochs that are over when it is time.

        Raises: Interrupted when a signal asked for the end.
        """
        if trainer.current_epoch > self.first_epoch and self.is_due():
            self._save(pl_module, trainer.current_epoch, 0, over=False)

    def on_train_end(self, trainer: Trainer, pl_module: TrainingModule) -> None:
        """Saves the end when it is time, or when another phase follows; raises likewise."""
        if self.is_due() or self.keep_end:
            self._save(pl_module, trainer.current_epoch, 0, over=True)

    def _save(self, module: TrainingModule, epoch: int, batches: int, *, over: bool) -> None:
        state = training_state(module, epoch, batches, over=over)
        if self.between_epochs_only:  # there are callbacks that lepton does not know
            check_loadable(state["callbacks"])
        self.save(state, place=describe_place(epoch, batches))


def describe_place(epoch: int, batches: int) -> str:
    """The place of a training, in words that count from one."""
    return f"epoch {epoch + 1}, batch {batches}" if batches else f"epoch {epoch}"


def training_state(
    module: TrainingModule, epoch: int, batches: int, *, over: bool = False
) -> dict[str, Any]:
    """All that the rest of a training depends on, `batches` into an epoch; a checkpoint's state."""
    trainer, scheduler = module.lepton_trainer, module.scheduler
    return {
        "epoch": epoch,
        "batches": batches,
        "over": over,
        "progress": progress_numbers(trainer),
        "losses": torch.stack(module.losses) if batches else None,
        "rows": module.batch_rows if batches else [],
        "elapsed": time.perf_counter() - module.epoch_started if batches else 0.0,
        "noise": rng_states(module.device),
        "drawn": module.mask_stream.position,
        "model": module.model.state_dict(),
        "optimizer": module.optimizer.optimizer.state_dict(),
        "scheduler": scheduler.state_dict() if scheduler else None,
        "precision": trainer.precision_plugin.state_dict(),
        "callbacks": {key: callback.state_dict() for key, callback in keyed_callbacks(trainer)},
        **{name: getattr(module, name) for name in HISTORY_ATTRIBUTES},
    }


def restore(state: dict[str, Any], trainer: Trainer, module: TrainingModule) -> None:
    """Puts back all but the epoch in progress, which TrainingModule enters by itself."""
    start_at_epoch(trainer, state["epoch"])
    if numbers := state.get("progress"):
        set_progress_numbers(trainer, numbers)
    module.loader.done = (state["epoch"], state["batches"])
    module.model.load_state_dict(state["model"])
    module.optimizer.optimizer.load_state_dict(state["optimizer"])
    if state["scheduler"] and (scheduler := module.scheduler) is not None:
        scheduler.load_state_dict(state["scheduler"])
    trainer.precision_plugin.load_state_dict(state["precision"])
    for key, callback in keyed_callbacks(trainer):
        if saved := state["callbacks"][key]:
            callback.load_state_dict(saved)
    restore_history(state, module)
    module.epoch_in_progress = state if state["batches"] else None


def restore_history(state: dict[str, Any], module: TrainingModule) -> None:
    """Puts back the scores of the epochs that are over, and the best weights among them."""
    for name in HISTORY_ATTRIBUTES:
        setattr(module, name, state[name])


def keyed_callbacks(trainer: Trainer) -> Iterator[tuple[str, pl.Callback]]:
    """Callbacks, Lightning's own too, under keys that the same config gives them again."""
    for number, callback in enumerate(trainer.callbacks):
        name = getattr(callback, "checkpoint_name", type(callback).__name__)
        yield f"{number} {name}", callback
