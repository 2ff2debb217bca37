"""One run of a stack: its job, its folder, and what its history will say."""

import logging
import math
import shutil
from contextlib import ExitStack, suppress
from pathlib import Path

import torch
from torch import Tensor

from lepton import build, results, run
from lepton.errors import Diverged, LeptonError, Pruned
from lepton.evaluate import monitor_value
from lepton.network import Network
from lepton.sweep.plan import Job
from lepton.vectorize.hyper import Schedule

log = logging.getLogger("lepton")


class Member:
    """What of a run is its own while a stack trains."""

    def __init__(self, job: Job, network: Network, schedule: Schedule):
        self.job, self.network, self.schedule = job, network, schedule
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
            self.folder: Path = opening.enter_context(results.writing(folder, rerun=cfg["rerun"]))
            run.begin(cfg, self.folder)
            self.logger = build.logger(cfg, self.folder)
            self.closing = opening.pop_all()

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
        if self.logger:
            self.logger.log_metrics(self.values, step=epoch)
            self.logger.log_metrics({"train/loss": loss}, step=epoch)
        if self.error is None and self.job.watch and self.job.watch(epoch, self.told):
            self.error = Pruned(epoch, [row["val/score"] for row in self.network.history])

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
            (self.folder / results.LOG).write_text("".join(f"{line}\n" for line in lines))
            if isinstance(self.error, Diverged):
                self.network.save(self.folder)
            if self.error:
                raise self.error
            shutil.copytree(described, self.folder, dirs_exist_ok=True)
            name, cfg = self.job.folder.name, self.job.config
            done = run.record(cfg, self.network, data, self.folder, name=name, constant=constant)
            results.save(done, self.folder)
        log.info("    %s", done)

    def forget(self, why: BaseException | None = None) -> None:
        """Leaves nothing of a run that its stack could not train to the end."""
        why = why or LeptonError("its stack ended")
        with suppress(type(why)):
            self.closing.__exit__(type(why), why, why.__traceback__)
