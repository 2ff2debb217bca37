"""The LightningModule: model, task, methods and optimizer; no config, no data, no metric logic."""

import math
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from lepton.compat.lightning import pl
from lepton.errors import Diverged, Pruned
from lepton.finite import LossCheck
from lepton.method import Batch, Method
from lepton.metric.scoring import monitor_value
from lepton.optimizer.parameter_groups import parameter_groups
from lepton.scheduler.interval import step_epoch
from lepton.seeds import derive
from lepton.task import Task
from lepton.training.dropout_masks import Noise
from lepton.training.loss import objective
from lepton.training.resume import put_back_noise

ONE_CYCLE = ("lr", "initial_lr", "max_lr", "min_lr")  # which its scheduler sets anew in each group


class Learner(pl.LightningModule):
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
        make_optimizer: Callable,
        make_scheduler: Callable | None,
        steps_by_batch: bool,
        accumulate: int,
        seed: int,
        noise: Noise,
        history: list[dict[str, float]],
        watch: Callable[[int, float], bool] | None = None,
    ):
        super().__init__()
        self.automatic_optimization = False
        self.model, self.task, self.methods = model, task, methods
        self.make_optimizer, self.make_scheduler = make_optimizer, make_scheduler
        self.steps_by_batch, self.accumulate = steps_by_batch, accumulate
        self.seed, self.noise = seed, noise
        self.history, self.first = list(history), len(history)  # of the parts before this one
        self.best_score, self.best_epoch, self.best_state = -math.inf, 0, {}
        self.losses: list[Tensor] = []
        self.rows: list[int] = []
        self.validated: list[tuple[Tensor, Tensor]] = []
        self.watch, self.finite = watch, LossCheck()
        self.in_progress: dict | None = None  # a saved epoch to go on with
        self.between_steps = self.between_epochs = lambda learner: None

    def forward(self, batch: Batch) -> Tensor:
        return self.model(batch)

    def training_step(self, block: list[Batch], _: int) -> None:
        optimizer = self.optimizers()
        for batch in block:
            loss = objective(self.model, self.task, self.methods, batch)
            if self.alone:  # several processes end together, after the epoch
                self._check(loss)
            self.manual_backward(loss if self.accumulate == 1 else loss * self._share(batch))
            self.losses.append(loss.detach())
            self.rows.append(len(batch["id"]))
            if len(self.losses) % self.accumulate == 0 or len(self.losses) == self.batches:
                self._step(optimizer)
                if len(self.losses) < self.batches:
                    self.between_steps(self)

    def _check(self, loss: Tensor) -> None:
        if wrong := self.finite.wrong(len(self.losses) + 1, loss):
            number, value = wrong
            where = f"epoch {self.current_epoch + 1}, batch {number}"
            raise Diverged(f"training loss is {value} in {where}")

    def _share(self, batch: Batch) -> float:
        """The batch's share of the rows that its step is made of; the last step may have fewer."""
        loader = self.trainer.train_dataloader
        full = loader.batch_size * self.accumulate
        before = len(self.losses) // self.accumulate * full
        return len(batch["id"]) / min(full, loader.rows - before)

    def _step(self, optimizer) -> None:
        optimizer.step()
        for method in self.methods:
            method.after_step(self.model, optimizer.optimizer)
        optimizer.zero_grad()
        if self.steps_by_batch:
            self.lr_schedulers().step()

    def on_before_optimizer_step(self, optimizer) -> None:
        for method in self.methods:
            method.before_step(self.model, optimizer)

    def on_train_start(self) -> None:
        self.tell_again(self.trainer.loggers)

    def tell_again(self, loggers: list) -> None:
        """Who watches, and the loggers, are told what an earlier process had told."""
        for row in self.history:
            if self.watch:
                self.watch(row["epoch"], row["val/score"])
            for logger in loggers:
                for split in ("val", "train"):
                    values = {key: row[key] for key in row if key.startswith(f"{split}/")}
                    logger.log_metrics(values, step=row["epoch"])

    def on_train_epoch_start(self) -> None:
        torch.manual_seed(derive(self.seed, "noise", self.current_epoch, self.global_rank))
        self.noise.move(self.device)
        self.noise.start(self.current_epoch, rank=self.global_rank)
        for method in self.methods:
            method.on_epoch(self.model, self.current_epoch)
        self.losses, self.rows, self.started = [], [], time.perf_counter()
        self.batches = self.trainer.train_dataloader.num_batches
        self.alone = self.trainer.world_size == 1
        self._averaged("train")
        if self.in_progress:
            saved, self.in_progress = self.in_progress, None
            self.losses = list(saved["losses"].to(self.device))
            self.rows, self.started = list(saved["rows"]), self.started - saved["elapsed"]
            put_back_noise(saved["noise"], self.device)
            self.noise.go_on(saved["drawn"])

    def on_validation_start(self) -> None:
        self._averaged("eval")
        if not self.alone:  # all judge by the statistics of the first, whose weights are kept
            for buffer in self.model.buffers():
                torch.distributed.broadcast(buffer, 0)

    def _averaged(self, mode: str) -> None:
        """Schedule-free optimizers hold two sets of weights and are told which is looked at."""
        optimizer = self.optimizers().optimizer
        if hasattr(optimizer, mode):
            getattr(optimizer, mode)()

    def validation_step(self, batch: Batch, _: int) -> None:
        self.validated.append((self.task.predict(self.model(batch)), batch["target"]))

    def on_validation_epoch_end(self) -> None:
        prediction, target = (torch.cat(part) for part in zip(*self.validated, strict=True))
        self.validated.clear()
        name = self.task.monitor
        value = monitor_value(prediction, target, task=self.task.name, metric=name)
        better = value if self.task.larger_is_better else -value
        if not math.isfinite(value):
            raise Diverged(f"validation {name} is {value} after epoch {self.current_epoch + 1}")
        self._tell({f"val/{name}": value}, prog_bar=True)
        self._tell({"val/score": better})
        if self.trainer.strategy.broadcast(better > self.best_score):
            self.best_score, self.best_epoch = better, self.epoch
            self.best_state = {k: v.detach().clone() for k, v in self.model.state_dict().items()}

    def on_train_epoch_end(self) -> None:
        losses = torch.stack(self.losses)
        rows = torch.tensor(self.rows, device=losses.device, dtype=losses.dtype)
        loss = float(self.trainer.strategy.reduce(losses @ rows / rows.sum()))
        if not math.isfinite(loss):
            raise Diverged(f"training loss is {loss} in epoch {self.current_epoch + 1}")
        self._tell({"train/loss": loss}, prog_bar=True)
        lr = max(group["lr"] for group in self.optimizers().param_groups)
        seen = {k: float(v) for k, v in self.trainer.callback_metrics.items() if "/" in k}
        seconds = time.perf_counter() - self.started
        row = {"epoch": self.epoch, **seen, "train/loss": loss}
        self.history.append({**row, "lr": float(lr), "seconds": seconds})
        if self.make_scheduler and not self.steps_by_batch:
            step_epoch(self.lr_schedulers(), seen["val/score"])
        self._look(seen["val/score"])
        self.between_epochs(self)

    def _look(self, score: float) -> None:
        """Ends training when the watcher says so, in all processes at once."""
        stop = self.watch is not None and self.watch(self.epoch, score)
        if self.trainer.strategy.broadcast(bool(stop)):
            scores = [row["val/score"] for row in self.history]
            raise Pruned(self.epoch, scores)

    def _tell(self, values: dict[str, float], *, prog_bar: bool = False) -> None:
        """Loggers, progress bar and callbacks are told once an epoch; loggers count epochs."""
        self.log("step", float(self.epoch), sync_dist=True)
        self.log_dict(values, prog_bar=prog_bar, sync_dist=True)

    @property
    def epoch(self) -> int:
        """The epoch of the whole training, of which this may be a later part."""
        return self.first + self.current_epoch

    def configure_optimizers(self) -> dict:
        groups = parameter_groups(self.model)
        for method in self.methods:
            groups = method.groups(self.model, groups)
        optimizer = self.make_optimizer(params=groups)
        scale(optimizer, ("lr",))
        if not self.make_scheduler:
            return {"optimizer": optimizer}
        supplied = {"optimizer": optimizer}
        if self.steps_by_batch:
            batches = self.trainer.datamodule.train_dataloader().num_batches
            steps = math.ceil(batches / self.accumulate) * self.trainer.max_epochs
            supplied["total_steps"] = steps
        scheduler = self.make_scheduler(**supplied)
        scale(optimizer, ONE_CYCLE)
        return {"optimizer": optimizer, "lr_scheduler": scheduler}

    def restore_best(self) -> None:
        """Puts the weights of the best epoch back into the model."""
        self.model.load_state_dict(self.best_state)


def scale(optimizer, keys: tuple[str, ...]) -> None:
    """Multiplies a parameter group's own learning rates by its `lr_scale`, where it has both."""
    for group in optimizer.param_groups:
        if "lr_scale" in group and all(key in group for key in keys):
            group |= {key: group[key] * group["lr_scale"] for key in keys}
