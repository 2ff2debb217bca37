"""EpochRecord: scores every epoch of a user's LightningModule, and keeps the best one's weights."""

import logging
import math
import time
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from lepton.compat.lightning import Logger, isolate_rng, pl
from lepton.config.callback_checks import refusal_reason
from lepton.config.patience import STOPPERS
from lepton.dataset.data import Data
from lepton.errors import ConfigError, Diverged
from lepton.method import Batch
from lepton.seeds import derive
from lepton.task import Task
from lepton.trainer.default import Trainer
from lepton.training.epoch_line import epoch_line, pruned_run
from lepton.training.module import Watch
from lepton.training.user_module.predict_step import validate_batches
from lepton.training.user_module.seeding import seed_generators
from lepton.training.weights import copied_state
from lepton.values.finite import LossCheck

log = logging.getLogger("lepton")

SCORE = "val/score"  # what a module may log itself; else lepton does, by its predict_step
ROWS_TO_TRY = 8  # of the validation split, predicted before the training


class EpochRecord(pl.Callback):
    """Seeds, scores and records epochs; it is the first of the trainer's callbacks.

    A row of `history` holds what the module logged by the end of an epoch, on top of what lepton
    says of it. An epoch is over when the next one begins, for only then all have logged.
    Raises: ConfigError for predictions that cannot be scored; Diverged; Pruned.
    """

    def __init__(self, task: Task, data: Data, *, seed: int, option: str, watch: Watch | None):
        self.task, self.data, self.seed, self.option = task, data, seed, option
        self.watch = watch
        self.history: list[dict[str, float]] = []
        self.best_score, self.best_epoch = -math.inf, 0
        self.best_state: dict[str, Tensor] = {}
        self.row: dict[str, float] | None = None  # of the epoch that has just ended
        self.is_scored_by_module: bool | None = None  # known after the first epoch
        self.score = math.inf  # of the epoch before
        self.losses: list[Tensor] = []
        self.patience: int | None = None  # of the trainer, where no callback stops early

    def on_train_start(self, trainer: Trainer, pl_module: pl.LightningModule) -> None:
        self.patience = trainer.patience
        for callback in trainer.callbacks:  # those of `configure_callbacks` too
            classes = tuple(f"{c.__module__}.{c.__qualname__}" for c in type(callback).__mro__)
            if not STOPPERS.isdisjoint(classes):
                self.patience = None
            if reason := refusal_reason(classes, for_network=False):
                raise ConfigError(f"{self.option}: its {type(callback).__name__} {reason}")
        for name, value in pl_module.state_dict().items():
            if not isinstance(value, Tensor):
                raise ConfigError(
                    f"{self.option}: {name} of its state is no tensor; lepton saves no pickles"
                )
        first = next(iter(self.data.val_dataloader()))
        self._validate(trainer, pl_module, [{k: v[:ROWS_TO_TRY] for k, v in first.items()}])

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.close_epoch(trainer)
        seed_generators(derive(self.seed, "noise", trainer.current_epoch, trainer.global_rank))
        self.losses, self.finite_losses = [], LossCheck()
        self.started = time.perf_counter()

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Batch, batch_idx: int
    ) -> None:
        groups = [group for optimizer in trainer.optimizers for group in optimizer.param_groups]
        self.lr = float(max(group["lr"] for group in groups)) if groups else math.nan

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Batch,
        batch_idx: int,
    ) -> None:
        loss = outputs.get("loss") if isinstance(outputs, dict) else outputs
        if not isinstance(loss, Tensor):
            return
        self.losses.append(loss.detach() * trainer.accumulate_grad_batches)
        if trainer.world_size > 1:  # several processes end together, after the epoch
            return
        if not_finite := self.finite_losses.not_finite(batch_idx + 1, self.losses[-1]):
            number, value = not_finite
            place = f"epoch {trainer.current_epoch + 1}, batch {number}"
            raise Diverged(f"training loss is {value} in {place}")

    def on_train_epoch_end(self, trainer: Trainer, pl_module: pl.LightningModule) -> None:
        epoch = trainer.current_epoch
        if self.is_scored_by_module is None:
            self.is_scored_by_module = SCORE in trainer.callback_metrics
        if not self.is_scored_by_module:
            if float(trainer.callback_metrics.get(SCORE, self.score)) != self.score:
                raise ConfigError(
                    f"{self.option}: logs {SCORE} in epoch {epoch + 1}, not in the first; epochs "
                    "are compared by it in all of them, or in none"
                )
            self._log_score(trainer, pl_module)
        score = self.score = float(trainer.callback_metrics[SCORE])
        if not math.isfinite(score):
            raise Diverged(f"{SCORE} is {score} after epoch {epoch + 1}")
        if trainer.strategy.broadcast(score > self.best_score):
            self.best_score, self.best_epoch = score, epoch
            self.best_state = copied_state(pl_module)
        if self.patience is not None and epoch - self.best_epoch >= self.patience:
            trainer.should_stop = True
        seconds = time.perf_counter() - self.started
        self.row = {
            "epoch": epoch,
            "step": trainer.global_step,
            SCORE: score,
            "lr": self.lr,  # of the epoch's last batch
            "seconds": seconds,
            **self._train_loss(trainer),
        }

    def _log_score(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Logs the monitored metric of the task on the validation split, and its score."""
        name, states = (
            self.task.monitor,
            self._validate(trainer, module, self.data.val_dataloader()),
        )
        try:
            value = self.task.monitored(states)
        except ValueError as e:
            raise ConfigError(f"{self.option}: predict_step: {e}") from None
        if not math.isfinite(value):
            epoch = trainer.current_epoch + 1
            raise Diverged(f"validation {name} is {value} after epoch {epoch}")
        module.log(f"val/{name}", value, prog_bar=True)
        module.log(SCORE, self.task.as_score(value))

    def _validate(
        self, trainer: pl.Trainer, module: pl.LightningModule, batches: Iterable[Batch]
    ) -> list[Any]:
        """The task's states of these batches, in the trainer's precision; no generator moves on."""
        precision = trainer.precision_plugin
        with isolate_rng(), precision.forward_context():
            return validate_batches(
                module, batches, self.task, convert=precision.convert_input, option=self.option
            )

    def _train_loss(self, trainer: pl.Trainer) -> dict[str, float]:
        """The mean over the batches whose step returned a loss; nothing where none did."""
        if not self.losses:
            return {}
        loss = float(trainer.strategy.reduce(torch.stack(self.losses).float().mean()))
        if not math.isfinite(loss):
            raise Diverged(f"training loss is {loss} in epoch {trainer.current_epoch + 1}")
        return {"train/loss": loss}

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.close_epoch(trainer)

    def close_epoch(self, trainer: pl.Trainer) -> None:
        """Adds the epoch that has ended to the history, with all that was logged, and tells it."""
        if self.row is None:
            return
        row, self.row = self.row, None
        logged = {name: float(value) for name, value in trainer.callback_metrics.items()}
        self.history.append({**logged, **row})
        log.debug("%s", epoch_line(self.history[-1], trainer.max_epochs or 0))
        stop = self.watch is not None and self.watch(int(row["epoch"]), row[SCORE])
        if trainer.strategy.broadcast(bool(stop)):
            raise pruned_run(self.history)

    def replay(self, loggers: Iterable[Logger]) -> None:
        """Tells the watcher and the loggers the epochs that an earlier process trained."""
        for row in self.history:
            if self.watch:
                self.watch(int(row["epoch"]), row[SCORE])
            values = {name: row[name] for name in row if name not in ("epoch", "lr", "seconds")}
            for logger in loggers:
                logger.log_metrics(values, step=int(row["step"]))
