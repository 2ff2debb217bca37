"""SavingCallback: the base of callbacks that save a training now and then, and at a signal."""

import time
from collections.abc import Mapping
from typing import Any

from lepton.compat.lightning import pl
from lepton.method import Batch
from lepton.storage.lock import check_folder_lock
from lepton.training import signals
from lepton.training.checkpoint import Checkpoints


class SavingCallback(pl.Callback):
    """Saves when `every` seconds have passed, or when a signal asks for the end.

    `state` is what an earlier process saved, until it is put back.
    Units: `every` in seconds; `seconds` of training before this process.
    """

    def __init__(self, checkpoints: Checkpoints, every: float | None):
        self.checkpoints, self.every = checkpoints, every
        self.state: dict[str, Any] | None = checkpoints.load()
        self.seconds = self.state["seconds"] if self.state else 0.0
        self.patience = signals.Patience()

    def start_clock(self) -> None:
        """Is called when the training starts."""
        signals.note_alone()
        self.started = self.last_saved = time.monotonic()

    def is_due(self) -> bool:
        """True when it is time to save."""
        late = self.every is not None and time.monotonic() - self.last_saved >= self.every
        return late or signals.requested() is not None

    def save(self, state: Mapping[str, Any], *, place: str) -> None:
        """Saves a state; `place` is where in the training it was.

        Raises: Interrupted when a signal asked for the end.
        """
        check_folder_lock(self.checkpoints.folder.parent)
        seconds = self.seconds + time.monotonic() - self.started
        self.checkpoints.save({**state, "seconds": seconds})
        self.last_saved = time.monotonic()
        if number := signals.requested():
            raise signals.Interrupted(number, place)

    def on_validation_batch_start(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        batch: Batch,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Ends a long validation after a signal: training goes on from the checkpoint before."""
        self.patience.check()
