"""Goes on with a killed training exactly: what of a training is saved between two steps, and how
it is put back."""

import logging
import time
from typing import Any

import torch

from lepton.compat.lightning import pl, start_at_epoch
from lepton.errors import LeptonError
from lepton.storage.lock import check_folder_lock
from lepton.training import signals
from lepton.training.checkpoint import Checkpoints, differences

log = logging.getLogger("lepton")
PATIENCE = 5.0  # seconds that a stop may wait for a validation to end


class Resume(pl.Callback):
    """Saves the training that it is given at times, and puts back what was saved; the first
    callback of the trainer, so that the others find their states.

    `keep_end`: the end is saved as well, because another part of the training follows.
    Units: `seconds` of training before this process.
    """

    def __init__(self, checkpoints: Checkpoints, every: float | None, *, keep_end: bool):
        self.checkpoints, self.every, self.keep_end = checkpoints, every, keep_end
        self.state: dict[str, Any] | None = checkpoints.load()
        self.seconds = self.state["seconds"] if self.state else 0.0
        self.asked: float | None = None

    def is_over(self, learner, trainer: pl.Trainer) -> bool:
        """Whether the saved training had only to be scored; then all that it knew is put back."""
        if self.state is None:
            return False
        log.info("goes on after %s", place(self.state["epoch"], self.state["batches"]))
        if self.state["over"]:
            put_back_scores(self.state, learner)
            learner.tell_again(trainer.loggers)
            for logger in trainer.loggers:
                logger.finalize("success")
        return self.state["over"]

    def on_train_start(self, trainer: pl.Trainer, learner) -> None:
        self.began = self.saved = time.monotonic()
        learner.between_steps, learner.between_epochs = self.between_steps, self.between_epochs
        size = sum(t.numel() * t.element_size() for t in learner.model.state_dict().values())
        self.checkpoints.check(5 * size)  # weights, their best, two moments, perhaps an average
        if self.state:
            self._fits(learner)
            put_back(self.state, trainer, learner)
            self.state = None

    def _fits(self, learner) -> None:
        """Raises: LeptonError when the model is no longer the one that was saved."""
        there, here = (
            {name: list(t.shape) for name, t in state.items()}
            for state in (self.state["model"], learner.model.state_dict())
        )
        if differ := sorted(differences(there, here)):
            folder = self.checkpoints.folder
            raise LeptonError(
                f"{folder}: a checkpoint of another architecture ({'; '.join(differ[:5])}"
                f"{'; ...' if len(differ) > 5 else ''}); remove {folder} to train anew"
            )

    def between_steps(self, learner) -> None:
        """Called between two steps of an epoch; saves when it is time.

        Raises: Interrupted when a signal asked for the end.
        """
        if self._due():
            self._save(learner, learner.current_epoch, len(learner.losses))

    def between_epochs(self, learner) -> None:
        trainer = learner.trainer
        over = trainer.should_stop or learner.current_epoch + 1 >= trainer.max_epochs
        if self._due() or (self.keep_end and over):
            self._save(learner, learner.current_epoch + 1, 0)

    def _due(self) -> bool:
        late = self.every is not None and time.monotonic() - self.saved >= self.every
        return late or signals.requested() is not None

    def _save(self, learner, epoch: int, batches: int) -> None:
        check_folder_lock(self.checkpoints.folder.parent)
        state = taken(learner, epoch, batches)
        state["seconds"] = self.seconds + time.monotonic() - self.began
        self.checkpoints.save(state)
        self.saved = time.monotonic()
        if number := signals.requested():
            raise signals.Interrupted(number, place(epoch, batches))

    def on_validation_batch_start(self, trainer: pl.Trainer, learner, *_) -> None:
        """A long validation is not waited for: training goes on from the checkpoint before."""
        if (number := signals.requested()) is None:
            return
        self.asked = self.asked or time.monotonic()
        if time.monotonic() - self.asked > PATIENCE:
            raise signals.Interrupted(number, "the last checkpoint")


def place(epoch: int, batches: int) -> str:
    """Where a training is, in words that count from one."""
    return f"epoch {epoch + 1}, batch {batches}" if batches else f"epoch {epoch}"


def taken(learner, epoch: int, batches: int) -> dict[str, Any]:
    """All that the rest of a training depends on, `batches` into an epoch."""
    trainer, scheduler = learner.trainer, learner.lr_schedulers()
    return {
        "epoch": epoch,
        "batches": batches,
        "over": not batches and (trainer.should_stop or epoch >= trainer.max_epochs),
        "losses": torch.stack(learner.losses) if batches else None,
        "rows": learner.rows if batches else [],
        "elapsed": time.perf_counter() - learner.started if batches else 0.0,
        "noise": noise(learner.device),
        "drawn": learner.noise.drawn,
        "model": learner.model.state_dict(),
        "optimizer": learner.optimizers().optimizer.state_dict(),
        "scheduler": scheduler.state_dict() if scheduler else None,
        "precision": trainer.precision_plugin.state_dict(),
        "callbacks": {key: callback.state_dict() for key, callback in _callbacks(trainer)},
        **{name: getattr(learner, name) for name in KEPT},
    }


KEPT = ("history", "best_score", "best_epoch", "best_state")


def put_back(state: dict[str, Any], trainer: pl.Trainer, learner) -> None:
    """Everything but the epoch in progress, which `Learner.on_train_epoch_start` goes on with."""
    start_at_epoch(trainer, state["epoch"])
    trainer.train_dataloader.done = (state["epoch"], state["batches"])
    learner.model.load_state_dict(state["model"])
    learner.optimizers().optimizer.load_state_dict(state["optimizer"])
    if state["scheduler"]:
        learner.lr_schedulers().load_state_dict(state["scheduler"])
    trainer.precision_plugin.load_state_dict(state["precision"])
    for key, callback in _callbacks(trainer):
        callback.load_state_dict(state["callbacks"][key])
    put_back_scores(state, learner)
    learner.in_progress = state if state["batches"] else None


def put_back_scores(state: dict[str, Any], learner) -> None:
    """What is known of the epochs that are over."""
    for name in KEPT:
        setattr(learner, name, state[name])


def _callbacks(trainer: pl.Trainer):
    """Callbacks, Lightning's own too, under keys that the same config gives them again."""
    for number, callback in enumerate(trainer.callbacks):
        yield f"{number} {type(callback).__name__}", callback


def noise(device: torch.device) -> dict[str, torch.Tensor]:
    """The states of torch's generators, which a model's own code may draw from."""
    states = {"cpu": torch.get_rng_state()}
    if device.type != "cpu":
        states[device.type] = torch.get_device_module(device).get_rng_state()
    return states


def put_back_noise(states: dict[str, torch.Tensor], device: torch.device) -> None:
    torch.set_rng_state(states["cpu"])
    if device.type in states and device.type != "cpu":
        torch.get_device_module(device).set_rng_state(states[device.type])
