"""TrainingModule: the LightningModule of a run, with model, task, methods and optimizer."""

import logging
import math
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from lepton.compat.lightning import LightningOptimizer, pl
from lepton.dataset.load.train_loader import TrainLoader
from lepton.errors import Diverged
from lepton.method import Batch, Method
from lepton.optimizer.parameter_groups import parameter_groups
from lepton.optimizer.rate_scales import ONE_CYCLE_KEYS, apply_lr_scale
from lepton.randomness.streams import DrawStreams
from lepton.scheduler.interval import Scheduler, step_after_epoch
from lepton.seeds import derive
from lepton.task import Task
from lepton.trainer.default import Trainer
from lepton.training import memory
from lepton.training.dropout_masks import MaskStream
from lepton.training.elapsed import Elapsed, is_new_best
from lepton.training.epoch_line import epoch_line, pruned_run
from lepton.training.loss import loss_and_normalizer, stream_names
from lepton.training.perturbation import loss_to_learn_from, perturbing_method
from lepton.training.rng_states import set_rng_states
from lepton.training.step_weights import StepWeights
from lepton.training.weights import copied_state
from lepton.values.finite import LossCheck

log = logging.getLogger("lepton")

Watch = Callable[[int, float], bool]  # is told an epoch and its val/score; True ends the training


class TrainingModule(pl.LightningModule):
    """Trains a model on blocks of batches and keeps the weights of its best epoch.

    A block is a list of batches: Lightning's bookkeeping, about as long as a small model's own
    step, is paid once a block. Optimization is manual for that reason.
    """

    def __init__(
        self,
        *,
        model: nn.Module,
        task: Task,
        methods: list[Method],
        make_optimizer: Callable[..., Optimizer],
        make_scheduler: Callable[..., Any] | None,
        steps_by_batch: bool,
        accumulate: int,
        seed: int,
        mask_stream: MaskStream,
        earlier_history: list[dict[str, float]],
        watch: Watch | None = None,
        batch_by_batch: bool = False,
    ):
        super().__init__()
        self.automatic_optimization = False
        self.model, self.task, self.methods = model, task, methods
        self.perturbing = perturbing_method(methods)
        self.make_optimizer, self.make_scheduler = make_optimizer, make_scheduler
        self.steps_by_batch, self.accumulate = steps_by_batch, accumulate
        self.batch_by_batch = batch_by_batch  # blocks hold one batch, which callbacks are told of
        self.seed, self.mask_stream = seed, mask_stream
        self.draw_streams = DrawStreams([seed], stream_names(methods), mask_stream.device)
        self.history, self.first_epoch = list(earlier_history), len(earlier_history)
        self.best_score, self.best_epoch, self.best_state = -math.inf, 0, {}
        self.losses: list[Tensor] = []  # of the batches of this epoch so far
        self.batch_rows: list[int] = []  # how many rows each of them has
        self.validated: list[Any] = []  # what the task keeps of each validation batch
        self.watch, self.finite_losses = watch, LossCheck()
        self.epoch_in_progress: dict[str, Any] | None = None  # a saved state to go on from
        self.between_steps = lambda module: None

    def forward(self, batch: Batch) -> Tensor:
        return self.task.forward(self.model, batch)

    @property
    def lepton_trainer(self) -> Trainer:
        """The trainer, which is always lepton's."""
        assert isinstance(self.trainer, Trainer)
        return self.trainer

    @property
    def optimizer(self) -> LightningOptimizer:
        """The one optimizer; its `optimizer` is the one that `make_optimizer` made."""
        optimizer = self.optimizers()
        assert isinstance(optimizer, LightningOptimizer)
        return optimizer

    @property
    def scheduler(self) -> Scheduler | None:
        """The scheduler that `make_scheduler` made, where it is given."""
        scheduler = self.lr_schedulers()
        assert not isinstance(scheduler, list)
        return scheduler

    @property
    def loader(self) -> TrainLoader:
        """The loader of the training batches, once the training has begun."""
        loader = self.trainer.train_dataloader
        assert loader is not None
        return loader

    def training_step(self, block: list[Batch], _: int) -> Tensor | None:
        optimizer = self.optimizer
        for batch in block:
            self.draw_streams.set_step(len(self.losses))
            self.elapsed.set(self.current_epoch, len(self.losses), self.num_batches)
            loss, normalizer = self._loss(batch)
            if self.single_process:  # several processes end together, after the epoch
                self._check_finite(loss)
            share = self._share(batch, normalizer)
            with loss_to_learn_from(
                self.model, self.perturbing, loss, lambda batch=batch: self._loss(batch)[0]
            ) as learned:
                self.manual_backward(learned if share is None else learned * share)
            self.losses.append(loss.detach())
            self.batch_rows.append(len(batch["id"]))
            if len(self.losses) % self.accumulate == 0 or len(self.losses) == self.num_batches:
                self._step(optimizer)
                if len(self.losses) < self.num_batches:
                    self.between_steps(self)
        return self.losses[-1] if self.batch_by_batch else None

    def _loss(self, batch: Batch) -> tuple[Tensor, Tensor | None]:
        """The loss of a batch; asked for again, methods draw the same numbers."""
        step = (self.draw_streams.draws(self.draw_streams.keys[0]), self.elapsed.shares[0])
        return loss_and_normalizer(self.model, self.task, self.methods, batch, *step)

    def _check_finite(self, loss: Tensor) -> None:
        """Raises: Diverged when this loss, or on a GPU the one before, is no finite number."""
        if not_finite := self.finite_losses.not_finite(len(self.losses) + 1, loss):
            batch_number, value = not_finite
            place = f"epoch {self.current_epoch + 1}, batch {batch_number}"
            raise Diverged(f"training loss is {value} in {place}")

    def _share(self, batch: Batch, normalizer: Tensor | None) -> float | Tensor | None:
        """The batch's share of the rows, or of the weights, that its step is made of; None for all.

        The last step may have fewer rows.
        """
        if normalizer is not None and (self.accumulate > 1 or not self.single_process):
            if len(self.losses) % self.accumulate == 0:
                self.step_weights.begin()
            return self.step_weights.share(normalizer, self.model.parameters())
        if self.accumulate == 1:
            return None
        step_rows = self.loader.batch_size * self.accumulate
        rows_before = len(self.losses) // self.accumulate * step_rows
        return len(batch["id"]) / min(step_rows, self.loader.rows - rows_before)

    def _step(self, optimizer: LightningOptimizer) -> None:
        optimizer.step()
        for method in self.methods:
            method.after_step(self.model, optimizer.optimizer)
        if self.batch_by_batch:  # Lightning leaves this hook out where optimization is manual
            for callback in self.lepton_trainer.callbacks:
                callback.on_before_zero_grad(self.trainer, self, optimizer.optimizer)
        optimizer.zero_grad()
        if self.steps_by_batch and (scheduler := self.scheduler) is not None:
            scheduler.step()

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        for method in self.methods:
            method.before_step(self.model, optimizer)

    def on_train_start(self) -> None:
        self.replay_history(self.trainer.loggers)

    def replay_history(self, loggers: list) -> None:
        """Tells the watcher and the loggers the epochs that an earlier process trained."""
        for row in self.history:
            if self.watch:
                self.watch(int(row["epoch"]), row["val/score"])
            for logger in loggers:
                for split in ("val", "train"):
                    values = {key: row[key] for key in row if key.startswith(f"{split}/")}
                    logger.log_metrics(values, step=int(row["epoch"]))

    def on_train_epoch_start(self) -> None:
        torch.manual_seed(derive(self.seed, "noise", self.current_epoch, self.global_rank))
        self.mask_stream.move(self.device)
        self.mask_stream.start_epoch(self.current_epoch, rank=self.global_rank)
        self.draw_streams.move(self.device)
        self.elapsed = Elapsed([self.lepton_trainer.epochs], self.device)
        self.draw_streams.start_epoch(self.epoch, rank=self.global_rank)
        for method in self.methods:
            method.on_epoch(self.model, self.current_epoch)
        self.losses, self.batch_rows, self.epoch_started = [], [], time.perf_counter()
        self.num_batches = self.loader.num_batches
        self.single_process = self.trainer.world_size == 1
        self.step_weights = StepWeights(self.trainer.world_size)
        self._set_optimizer_mode("train")
        if self.epoch_in_progress:
            state, self.epoch_in_progress = self.epoch_in_progress, None
            self.losses = list(state["losses"].to(self.device))
            self.batch_rows = list(state["rows"])
            self.epoch_started -= state["elapsed"]
            set_rng_states(state["noise"], self.device)
            self.mask_stream.seek(state["drawn"])

    def on_validation_start(self) -> None:
        self._set_optimizer_mode("eval")
        if self.trainer.world_size > 1:  # all score with the first one's buffers, which are kept
            for buffer in self.model.buffers():
                torch.distributed.broadcast(buffer, 0)

    def _set_optimizer_mode(self, mode: str) -> None:
        """Tells a schedule-free optimizer which of its two sets of weights to put in the model."""
        optimizer = self.optimizer.optimizer
        if hasattr(optimizer, mode):
            getattr(optimizer, mode)()

    def validation_step(self, batch: Batch, _: int) -> None:
        memory.trim_before_batch(len(self.validated))
        self.validated.append(self.task.validate(self.task.predict(self(batch)), batch))

    def on_validation_epoch_end(self) -> None:
        if self.trainer.sanity_checking:
            self.validated.clear()
            return
        name, value = self.task.monitor, self.task.monitored(self.validated)
        self.validated.clear()
        if not math.isfinite(value):
            raise Diverged(f"validation {name} is {value} after epoch {self.current_epoch + 1}")
        self._log_epoch({f"val/{name}": value}, prog_bar=True)
        self._log_epoch({"val/score": (score := self.task.as_score(value))})
        best, epochs = (self.best_score, self.best_epoch), self.lepton_trainer.epochs
        is_best = is_new_best(self.methods, epochs, self.current_epoch, score, best)
        if self.trainer.strategy.broadcast(is_best):
            self.best_score, self.best_epoch = score, self.epoch
            self.best_state = copied_state(self.model)

    def on_train_epoch_end(self) -> None:
        losses = torch.stack(self.losses)
        rows = torch.tensor(self.batch_rows, device=losses.device, dtype=losses.dtype)
        loss = float(self.trainer.strategy.reduce(losses @ rows / rows.sum()))
        if not math.isfinite(loss):
            raise Diverged(f"training loss is {loss} in epoch {self.current_epoch + 1}")
        self._log_epoch({"train/loss": loss}, prog_bar=True)
        lr = max(group["lr"] for group in self.optimizer.param_groups)
        metrics = {k: float(v) for k, v in self.trainer.callback_metrics.items() if "/" in k}
        seconds = time.perf_counter() - self.epoch_started
        row = {"epoch": self.epoch, **metrics, "train/loss": loss}
        self.history.append({**row, "lr": float(lr), "seconds": seconds})
        log.debug("%s", epoch_line(row, self.first_epoch + self.lepton_trainer.epochs))
        if not self.steps_by_batch and (scheduler := self.scheduler) is not None:
            step_after_epoch(scheduler, metrics["val/score"])
        self._ask_watcher(metrics["val/score"])

    def _ask_watcher(self, score: float) -> None:
        """Raises: Pruned, in all processes at once, when the watcher ends the training."""
        stop = self.watch is not None and self.watch(self.epoch, score)
        if self.trainer.strategy.broadcast(bool(stop)):
            raise pruned_run(self.history)

    def _log_epoch(self, values: dict[str, float], *, prog_bar: bool = False) -> None:
        """Tells loggers, progress bar and callbacks values of an epoch; loggers count epochs."""
        self.log("step", float(self.epoch), sync_dist=True)
        self.log_dict(values, prog_bar=prog_bar, sync_dist=True)

    @property
    def epoch(self) -> int:
        """The epoch of the whole training, of which this may be a later phase."""
        return self.first_epoch + self.current_epoch

    @property
    def total_steps(self) -> int:
        """How many steps the optimizer makes in all epochs, once there is a trainer."""
        batches = self.lepton_trainer.datamodule.train_dataloader().num_batches
        return math.ceil(batches / self.accumulate) * self.lepton_trainer.epochs

    def configure_optimizers(self) -> dict[str, Any]:
        groups = parameter_groups(self.model)
        for method in self.methods:
            groups = method.groups(self.model, groups)
        optimizer = self.make_optimizer(params=groups)
        apply_lr_scale(optimizer, ("lr",))
        if not self.make_scheduler:
            return {"optimizer": optimizer}
        supplied: dict[str, Any] = {"optimizer": optimizer}
        if self.steps_by_batch:
            supplied["total_steps"] = self.total_steps
        scheduler = self.make_scheduler(**supplied)
        apply_lr_scale(optimizer, ONE_CYCLE_KEYS)
        return {"optimizer": optimizer, "lr_scheduler": scheduler}

    def restore_best(self) -> None:
        """Puts the weights of the best epoch back into the model."""
        self.model.load_state_dict(self.best_state)
