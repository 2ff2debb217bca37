"""One run of a stack: its job, its folder, and what its history will say."""

import logging
import math
import shutil
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lepton import build, run
from lepton.errors import Diverged, LeptonError, Pruned
from lepton.metric.scoring import monitor_value
from lepton.storage.finished_run import write_settings
from lepton.storage.run_folder import LOG_FILE, unfinished_folder
from lepton.storage.run_writing import writing_run
from lepton.sweep.job import Job
from lepton.training.checkpoint import Checkpoints
from lepton.training.network import Network
from lepton.vectorize.hyperparameters import MemberSchedule

log = logging.getLogger("lepton")


class StackMember:
    """What of a run is its own while a stack trains."""

    def __init__(self, job: Job, network: Network, schedule: MemberSchedule):
        self.job, self.network, self.schedule = job, network, schedule
        self.checkpoints = Checkpoints.of_run(
            unfinished_folder(job.folder), job.config, trained="stack"
        )
        self.saved = self.checkpoints.peek()
        self.seed = job.config["seed"]
        self.best_score, self.told, self.seconds = -math.inf, -math.inf, 0.0
        self.values: dict[str, float] = {}
        self.error: Exception | None = None
        self.apart = ""  # in what its model differs from those of a sweep's other runs

    def begin(self) -> None:
        """Begins the run folder.

        Raises: Claimed when another process is training this run; LeptonError.
        """
        cfg, folder = self.job.config, self.job.folder
        with ExitStack() as opening:
            self.folder: Path = opening.enter_context(writing_run(folder, rerun=cfg["rerun"]))
            write_settings(cfg, self.folder)
            self.logger = build.logger(cfg, self.folder)
            self._take_up(self.checkpoints.load())
            self.closing = opening.pop_all()

    @property
    def place(self) -> tuple[int, int, int]:
        """Epoch and batch at which it was saved, of a stack of which size."""
        saved = self.saved or {"epoch": 0, "batches": 0, "size": 0}
        return saved["epoch"], saved["batches"], saved["size"]

    def _take_up(self, state: dict[str, Any] | None) -> None:
        """What is known of the epochs that are over."""
        before, self.saved = self.place, state
        if self.place != before:
            raise LeptonError(f"{self.job.folder}: another process has trained this run meanwhile")
        if state:
            network = self.network
            network.history, network.best_epoch = state["history"], state["best_epoch"]
            self.best_score, self.seconds = state["best_score"], state["seconds"]

    def validated(self, prediction: Tensor, target: Tensor, epoch: int) -> None:
        """Scores an epoch; `told` is the score as Lightning tells it, in the default float type."""
        task = self.network.task
        value = monitor_value(prediction, target, task=task.name, metric=task.monitor)
        score = value if task.larger_is_better else -value
        named = {f"val/{task.monitor}": value, "val/score": score}
        self.values = {name: float(torch.tensor(number)) for name, number in named.items()}
        self.told = self.values["val/score"]
        self.is_best = score > self.best_score
        if not math.isfinite(value):
            best = f"of epoch {self.network.best_epoch + 1}, the best" if epoch else "the first"
            self.diverged(f"validation {task.monitor} is {value} in epoch {epoch + 1}", best)
        if self.is_best:
            self.best_score, self.network.best_epoch = score, epoch

    @property
    def at_end(self) -> bool:
        return len(self.network.history) == self.job.config["trainer"]["max_epochs"]

    def record(self, epoch: int, *, loss: float, lr: float, seconds: float) -> None:
        """The row that an epoch has in the history of a run alone."""
        row = {"epoch": epoch, **self.values, "train/loss": loss, "lr": lr, "seconds": seconds}
        self.network.history.append(row)
        self.seconds += seconds
        self._log(row)
        if self.error is None and self.job.watch and self.job.watch(epoch, self.told):
            self.error = Pruned(epoch, [row["val/score"] for row in self.network.history])

    def tell_again(self) -> None:
        """Who watches, and the logger, are told what an earlier process had told."""
        for row in self.network.history:
            if self.job.watch:
                self.job.watch(row["epoch"], row["val/score"])
            self._log(row)

    def _log(self, row: dict[str, float]) -> None:
        if self.logger:
            for split in ("val", "train"):
                values = {key: row[key] for key in row if key.startswith(f"{split}/")}
                self.logger.log_metrics(values, step=row["epoch"])

    def diverged(self, what: str, weights: str) -> None:
        """Ends the run at the end of the epoch; `weights` says which are kept."""
        if self.error is None:
            self.error = Diverged(what)
            self.error.weights = weights

    def finish(self, data, described: Path, constant: dict[str, float], lines: list[str]) -> None:
        """Scores the run and gives its folder its name.

        Raises: what ended the run, once that is recorded in its folder.
        """
        self.network.seconds = self.seconds
        if self.logger:
            self.logger.finalize("failed" if self.error else "success")
        with self.closing:
            (self.folder / LOG_FILE).write_text("".join(f"{line}\n" for line in lines))
            if isinstance(self.error, Diverged):
                self.network.save(self.folder)
            if self.error:
                raise self.error
            shutil.copytree(described, self.folder, dirs_exist_ok=True)
            name, cfg = self.job.folder.name, self.job.config
            done = run.score_and_save(
                cfg, self.network, data, self.folder, name=name, constant=constant
            )
        log.info("    %s", done)

    def forget(self, why: BaseException | None = None, *, keep: bool = True) -> None:
        """Leaves of a run that its stack could not train to the end a checkpoint, or nothing."""
        why = why or LeptonError("its stack ended")
        if not keep:
            shutil.rmtree(self.checkpoints.folder, ignore_errors=True)
        with suppress(type(why)):
            self.closing.__exit__(type(why), why, why.__traceback__)
