"""Course: a training in which no validation split chooses the best epoch, on its way and at its
end."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from lepton.compat.lightning import pl
from lepton.method import Batch
from lepton.trainer.default import Trainer
from lepton.training.fold_scores import Scores, monitored_scores
from lepton.training.module import TrainingModule
from lepton.training.weights import copied_state


@dataclass
class Course:
    """What is scored in a training of a known length, which ends with its last weights.

    `scores`: those of each epoch, found before, or `last_scores` of the last one; none is computed
    then. `epochs`: after how many it ends, of those that its schedule is made for; None: all. A
    `recorder` keeps what is predicted of the validation rows.
    """

    scores: Sequence[Scores] = ()
    last_scores: Scores | None = None
    epochs: int | None = None
    recorder: "Recorder | None" = None

    def set_up(self, trainer: Trainer) -> None:
        """Has a trainer end where this course does, and validate as it says, at its end always."""
        if self.epochs is not None:
            trainer.fit_loop.max_epochs = self.epochs
        if self.recorder is None:
            trainer.limit_val_batches = 1  # averaged weights come in by the hooks of validation
        if self.recorder is None or not self.recorder.every_epoch:
            trainer.check_val_every_n_epoch = self.epochs or trainer.epochs

    def scores_of(self, epoch: int, *, is_last: bool) -> Scores:
        """What is told of an epoch that is not scored here."""
        if is_last and self.last_scores is not None:
            return self.last_scores
        return self.scores[epoch] if epoch < len(self.scores) else {"val/score": math.nan}


@dataclass(eq=False)
class Recorder(pl.Callback):
    """Keeps the predictions of validation rows, of every epoch or of the last alone.

    Shapes: `kept` has (rows, ...) of each epoch, in the order of their ids; `start` (rows, ...), in
        the order of the split, of weights that training begins with where they have learned.
    """

    every_epoch: bool
    kept: list[Tensor] = field(default_factory=list)
    start: Tensor | None = None
    parts: list[tuple[Tensor, Tensor]] = field(default_factory=list)  # of this epoch so far

    def on_validation_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        self.parts.append((batch["id"].cpu(), outputs.cpu()))

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        ids, kept = (torch.cat(list(parts)) for parts in zip(*self.parts, strict=True))
        self.parts = []
        self.kept.append(kept[ids.argsort()])


class CourseModule(TrainingModule):
    """Trains as its course says: no epoch is better than another, the last weights are the best."""

    def __init__(self, course: Course, **settings: Any):
        super().__init__(**settings)
        self.course = course

    def validation_step(self, batch: Batch, _: int) -> Tensor | None:
        if self.course.recorder is None:
            return None
        prediction = self.task.predict(self(batch))
        self.validated.append(self.task.validate(prediction, batch))
        return self.task.keep(prediction)

    def on_validation_epoch_end(self) -> None:
        if self.course.recorder is not None:
            scores = monitored_scores(self.task, self.validated, epoch=self.current_epoch)
            self.validated.clear()
            self._log_epoch(scores)
        self.best_state = copied_state(self.model)

    def on_train_epoch_end(self) -> None:
        is_scored = self.course.recorder and "val/score" in self.trainer.callback_metrics
        if not is_scored:
            is_last = self.current_epoch == self.lepton_trainer.epochs - 1
            self._log_epoch(self.course.scores_of(self.current_epoch, is_last=is_last))
        super().on_train_epoch_end()
        self.best_epoch = self.epoch
