"""ModuleFit: the training of a user's LightningModule, from the trainer to the best weights."""

import logging
import time
from pathlib import Path
from typing import TYPE_CHECKING

from lepton.compat.lightning import isolate_rng
from lepton.dataset.data import Data
from lepton.errors import Diverged
from lepton.seeds import derive
from lepton.trainer.default import Trainer
from lepton.training.checkpoint import Checkpoints
from lepton.training.distributed import run_further_processes
from lepton.training.memory import free_earlier_trainings
from lepton.training.module import Watch
from lepton.training.one_batch import BatchByBatch
from lepton.training.run_trainer import chosen_callbacks, explained_fit, run_trainer
from lepton.training.signals import interruptible
from lepton.training.user_module.record import EpochRecord
from lepton.training.user_module.resume import EpochResume
from lepton.training.user_module.seeding import seed_generators
from lepton.values.finite import all_finite

if TYPE_CHECKING:
    from lepton.training.user_module.learner import LightningLearner

log = logging.getLogger("lepton")


class ModuleFit:
    """Trains the module of a learner, and writes into it what was learned."""

    def __init__(self, learner: "LightningLearner", data: Data, folder: Path, watch: Watch | None):
        free_earlier_trainings(learner.module)
        self.learner, self.data, self.folder = learner, data, folder
        self.record = EpochRecord(
            learner.task, data, seed=learner.config["seed"], option=learner.option, watch=watch
        )
        self.trainer = self._trainer()
        self.resume = self._resume()

    def run(self) -> None:
        """Trains from the folder's checkpoint if there is one; ends with the best weights.

        Raises: ConfigError for what Lightning refuses; Diverged, with finite weights saved where
            an epoch had some; Pruned; Interrupted.
        """
        learner, started = self.learner, time.perf_counter()
        save = self._save_finite_weights
        with (
            explained_fit(self.trainer, learner.option, save_finite_weights=save),
            isolate_rng(),
            interruptible(saving=self.resume is not None),
            run_further_processes(self.folder),
        ):
            seed_generators(derive(learner.config["seed"], "noise"))
            self.trainer.fit(learner.module, datamodule=BatchByBatch(self.data, in_lists=False))
        if self.trainer.is_global_zero:  # the first process has what was learned
            self._finish(seconds=time.perf_counter() - started)

    def _finish(self, *, seconds: float) -> None:
        learner, record = self.learner, self.record
        learner.seconds += seconds + (self.resume.seconds if self.resume else 0.0)
        if learner.config["trainer"]["profiler"]:
            log.info("%s", self.trainer.profiler.summary())
        learner.module.load_state_dict(record.best_state)
        learner.history, learner.best_epoch = record.history, record.best_epoch
        learner.device = self.trainer.strategy.root_device

    def _trainer(self) -> Trainer:
        chosen = chosen_callbacks(self.learner.config, self.folder)
        config = self.learner.config
        trainer = run_trainer(config, self.folder, [self.record, *chosen])
        trainer.accumulate_grad_batches = config["trainer"]["accumulate_grad_batches"]
        return trainer

    def _resume(self) -> EpochResume | None:
        """The callback that saves this training; None with several processes."""
        if self.trainer.world_size > 1:
            return None
        checkpoints = Checkpoints.of_run(self.folder, self.learner.config, trained="alone")
        resume = EpochResume(checkpoints, self.trainer.checkpoint_every, self.record)
        self.trainer.callbacks.insert(1, resume)
        return resume

    def _save_finite_weights(self, error: Diverged) -> None:
        """Saves the best epoch's weights, and says so in the error."""
        state = self.record.best_state
        error.weights = "none: no epoch had ended"
        if state and all_finite(state):
            self.learner.module.load_state_dict(state)
            self.learner.save(self.folder)
            error.weights = f"of epoch {self.record.best_epoch + 1}, the best"
