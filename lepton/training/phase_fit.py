"""PhaseFit: one phase of a network's training with Lightning, from the trainer to the weights."""

import logging
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import nn

from lepton import build
from lepton.compat.lightning import pl
from lepton.errors import Diverged
from lepton.method import Phase
from lepton.pretrained.weight_files import WEIGHTS_FILE
from lepton.scheduler.interval import steps_by_batch
from lepton.trainer.default import Trainer
from lepton.training.checkpoint import Checkpoints
from lepton.training.course import Course, CourseModule
from lepton.training.distributed import run_further_processes
from lepton.training.memory import free_earlier_trainings
from lepton.training.module import TrainingModule, Watch
from lepton.training.one_batch import BatchByBatch
from lepton.training.resume import Resume
from lepton.training.run_trainer import (
    are_called_each_batch,
    chosen_callbacks,
    explained_fit,
    run_trainer,
)
from lepton.training.signals import interruptible
from lepton.training.start_score import START, best_weights_text, start_score
from lepton.training.weights import copied_state, save_weights
from lepton.values.finite import all_finite

if TYPE_CHECKING:
    from lepton.training.network import Network

log = logging.getLogger("lepton")


class PhaseFit:
    """Trains the module of a phase, and writes into the network what was learned."""

    def __init__(
        self,
        network: "Network",
        phase: Phase,
        folder: Path,
        watch: Watch | None,
        course: Course | None = None,
    ):
        """`course`: what is scored where no validation split chooses the best epoch."""
        free_earlier_trainings(phase.module)
        self.network, self.phase, self.folder = network, phase, folder
        self.methods = network.methods if phase.methods is None else phase.methods
        self.course = course
        start = None if course else start_score(network, phase)
        phase.module.train()  # Lightning leaves modes as it finds them
        chosen = chosen_callbacks(network.config, folder)
        self.has_callbacks, self.batch_by_batch = bool(chosen), are_called_each_batch(chosen)
        self.module, self.trainer = self._module(watch), self._trainer(chosen)
        if start is not None:
            self.module.best_epoch = network.best_epoch if network.history else START
            self.module.best_score, self.module.best_state = start, copied_state(phase.module)
        self.resume = self._resume()

    def run(self) -> None:
        """Trains from the folder's checkpoint if there is one; ends with the best weights.

        Raises: Diverged, with finite weights saved; Pruned; Interrupted.
        """
        started = time.perf_counter()
        save = self._save_finite_weights
        with explained_fit(self.trainer, "trainer, callbacks", save_finite_weights=save):
            if self.resume is not None and self.resume.is_over(self.module, self.trainer):
                self.trainer.precision_plugin.convert_module(self.module)
            else:
                with (
                    torch.random.fork_rng(),
                    interruptible(saving=self.resume is not None),
                    run_further_processes(self.folder),
                ):
                    self.trainer.fit(self.module, datamodule=self._batches())
        if self.trainer.is_global_zero:  # the first process has what was learned
            self._finish(seconds=time.perf_counter() - started)

    def _finish(self, *, seconds: float) -> None:
        network = self.network
        network.seconds += seconds + (self.resume.seconds if self.resume else 0.0)
        if network.config["trainer"]["profiler"]:
            log.info("%s", self.trainer.profiler.summary())
        self.module.restore_best()
        fold_into_model(self.phase.module)
        network.history, network.best_epoch = self.module.history, self.module.best_epoch
        network.device = self.trainer.strategy.root_device

    def _module(self, watch: Watch | None) -> TrainingModule:
        network, config = self.network, self.network.config
        return (partial(CourseModule, self.course) if self.course else TrainingModule)(
            model=self.phase.module,
            task=network.task,
            methods=self.methods,
            mask_stream=network.mask_stream,
            earlier_history=network.history,
            make_optimizer=partial(build.component, self.phase.config, "optimizer"),
            make_scheduler=partial(build.component, config, "scheduler")
            if config["scheduler"]
            else None,
            steps_by_batch=steps_by_batch(config),
            accumulate=config["trainer"]["accumulate_grad_batches"],
            seed=config["seed"],
            watch=watch,
            batch_by_batch=self.batch_by_batch,
        )

    def _trainer(self, chosen: list[pl.Callback]) -> Trainer:
        course = self.course
        callbacks = [c for method in self.methods for c in method.callbacks()]
        callbacks += [course.recorder] if course and course.recorder else []
        trainer = run_trainer(
            self.network.config,
            self.folder,
            [*callbacks, *chosen],
            node=self.phase.config["trainer"],
        )
        if course:
            course.set_up(trainer)
        return trainer

    def _batches(self) -> pl.LightningDataModule:
        """The data, which hand Lightning a block of batches at a time where no callback counts."""
        if self.batch_by_batch:
            return BatchByBatch(self.phase.data, in_lists=True)
        return self.phase.data

    def _resume(self) -> Resume | None:
        """The callback that saves this training, first of all; None with several processes, and of
        a fold, which is kept when it is over."""
        if self.trainer.world_size > 1 or (self.course and self.course.recorder):
            return None
        prefix = self.phase.name
        checkpoints = Checkpoints.of_run(
            self.folder, self.network.config, trained=self.network.trained_as, prefix=prefix
        )
        resume = Resume(
            checkpoints,
            self.trainer.checkpoint_every,
            keep_end=bool(prefix),
            between_epochs_only=self.has_callbacks,
        )
        self.trainer.callbacks.insert(0, resume)
        return resume

    def _save_finite_weights(self, error: Diverged) -> None:
        """Saves the last weights that are finite, and says in the error which those are."""
        checkpoint = self.resume.checkpoints.load() if self.resume else None
        module = self.module
        for origin, state in (
            ("of the step before", module.model.state_dict()),
            (best_weights_text(module.best_epoch), module.best_state),
            ("of the last checkpoint", checkpoint["model"] if checkpoint else {}),
        ):
            if state and all_finite(state):
                module.model.load_state_dict(state)
                fold_into_model(module.model)
                save_weights(self.network.model.state_dict(), self.folder / WEIGHTS_FILE)
                error.weights = origin
                return
        error.weights = "none: no finite ones were left"


def fold_into_model(module: nn.Module) -> None:
    """Makes a module that was trained in place of a model's part that part again."""
    if fold := getattr(module, "fold", None):
        fold()
