"""One run of a stack: its job, its folder, and what its history will say."""

import logging
import math
import shutil
from contextlib import ExitStack, suppress
from pathlib import Path

import torch
from torch import Tensor

from lepton import build, results, run
from lepton.errors import Diverged, LeptonError
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

        Raises: Claimed when another process is training this run, or has finished it meanwhile.
        """
        self.closing = ExitStack()
        writing = results.writing(self.job.folder, rerun=self.job.config["rerun"])
        self.folder: Path = self.closing.enter_context(writing)
        run.begin(self.job.config, self.folder)
        self.logger = build.logger(self.job.config, self.folder)

    def validated(self, prediction: Tensor, target: Tensor, epoch: int) -> None:
        """Scores an epoch; `told` is the score as Lightning tells it, in the default float type."""
        task = self.network.task
        value = monitor_value(prediction, target, task=task.name, metric=task.monitor)
        score = value if task.larger_is_better else -value
        named = {f"val/{task.monitor}": value, "val/score": score}
        self.values = {name: float(torch.tensor(number)) for name, number in named.items()}
        self.told = self.values["val/score"]
        self.is_best = score > self.best_score
        if not math.isfinite(value) and self.error is None:
            self.error = Diverged(f"validation {task.monitor} is {value} after epoch {epoch + 1}")
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

    def finish(self, data, described: Path, constant: dict[str, float], lines: list[str]) -> None:
        """Scores the run and gives its folder its name; or keeps why it failed."""
        self.network.seconds = self.seconds
        if self.logger:
            self.logger.finalize("failed" if self.error else "success")
        (self.folder / "log.txt").write_text("".join(f"{line}\n" for line in lines))
        if self.error:
            if isinstance(self.error, Diverged):
                self.network.save(self.folder)
                self.error.weights = "the last finite ones"
            self.close(self.error)
            return
        shutil.copytree(described, self.folder, dirs_exist_ok=True)
        name, cfg = self.job.folder.name, self.job.config
        done = run.record(cfg, self.network, data, self.folder, name=name, constant=constant)
        results.save(done, self.folder)
        self.close(None)
        log.info("    %s", done)

    def close(self, error: BaseException | None) -> None:
        """Ends the writing of the folder, as an error would end it where there is one."""
        if error is None:
            self.closing.close()
        else:
            with suppress(type(error)):
                self._close(error)

    def _close(self, error: BaseException) -> None:
        try:
            self.closing.__exit__(type(error), error, error.__traceback__)
        except LeptonError as said:  # a full disk, in words; the run leaves nothing else
            if said is not error:
                results.record_failure(self.job.folder, self.job.config, said)
