"""A member of a stack: one run's job, folder, learning-rate schedule, scores and checkpoint."""

import logging
import math
import shutil
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import torch

from lepton import run
from lepton.compat.lightning import Logger
from lepton.dataset.data import Data
from lepton.errors import Diverged, LeptonError
from lepton.storage.finished_run import write_settings
from lepton.storage.lock import check_folder_lock
from lepton.storage.run_folder import LOG_FILE, unfinished_folder
from lepton.storage.run_log import in_order, log_text, logged_to
from lepton.storage.run_writing import writing_run
from lepton.storage.shared_files import share_files
from lepton.sweep.job import Job
from lepton.training.checkpoint import Checkpoints
from lepton.training.elapsed import is_new_best
from lepton.training.epoch_line import epoch_line, pruned_run
from lepton.training.network import Network
from lepton.training.publish import publish_run
from lepton.training.start_score import START, best_weights_text
from lepton.training.tracker import build_trackers
from lepton.vectorize.hyperparameters import MemberSchedule

log = logging.getLogger("lepton")


class Place(NamedTuple):
    """Where stacks are saved: after so many epochs, and batches of the next; by so many members."""

    epoch: int
    batches: int
    size: int


class StackMember:
    """All of a run that its stack does not share: what it would have, were it trained alone.

    `place`: where in the training it goes on; None where it begins.
    """

    def __init__(
        self,
        job: Job,
        network: Network,
        schedule: MemberSchedule,
        constant: dict[str, float],
        *,
        start: float | None = None,
    ):
        """`constant`: metrics of the constant predictor; `start`: the score of the first weights,
        where they may stay the best."""
        self.job, self.network, self.schedule, self.constant = job, network, schedule, constant
        self.checkpoints = Checkpoints.of_run(
            unfinished_folder(job.folder), job.config, trained="stack"
        )
        self.saved_places = [
            Place(state["epoch"], state["batches"], state["size"])
            for state in self.checkpoints.peek_all()
        ]
        self.place: Place | None = None
        self.trackers: list[Logger] = []
        self.saved_state: dict[str, Any] | None = None
        self.seed = job.config["seed"]
        self.best_score, self.seconds = -math.inf, 0.0
        if start is not None:
            self.best_score, network.best_epoch = start, START
        self.score = -math.inf  # of the last epoch, as Lightning logs it
        self.epoch_values: dict[str, float] = {}  # validation columns of the history's next row
        self.error: Exception | None = None  # ends the run at the end of the epoch
        self.model_difference = ""  # from the models of the group's other runs
        self.log_lines: list[str] = []  # of its epochs

    def begin(self) -> None:
        """Begins the run folder.

        Raises: Locked when another process is training this run; Finished; LeptonError.
        """
        config, folder = self.job.config, self.job.folder
        with ExitStack() as exit_stack:
            writing = writing_run(folder, rerun=config["rerun"])
            self.folder: Path = exit_stack.enter_context(writing)
            write_settings(config, self.folder)
            self.trackers = build_trackers(config, self.folder)
            self._restore(self.checkpoints.load(self._is_at_place))
            self.closing = exit_stack.pop_all()

    def _is_at_place(self, state: dict[str, Any]) -> bool:
        return self.place == (state["epoch"], state["batches"], state["size"])

    @property
    def restored_state(self) -> dict[str, Any]:
        """The content of the checkpoint that the member goes on from, where there is one."""
        assert self.saved_state is not None
        return self.saved_state

    def _restore(self, state: dict[str, Any] | None) -> None:
        """Takes the history of the epochs that are over from a checkpoint.

        Raises: LeptonError when it is no longer the one that stacks were planned by.
        """
        if self.place and not state:
            raise LeptonError(f"{self.job.folder}: another process has trained this run meanwhile")
        if state:
            self.take_over(state)

    def take_over(self, state: dict[str, Any]) -> None:
        """Goes on as the content of a checkpoint says."""
        self.saved_state, network = state, self.network
        network.history, network.best_epoch = list(state["history"]), state["best_epoch"]
        self.best_score, self.seconds = state["best_score"], state["seconds"]

    def save(self, state: dict[str, Any]) -> None:
        """Writes a checkpoint. Raises: Locked; LeptonError."""
        check_folder_lock(self.checkpoints.folder.parent)
        self.checkpoints.save(state)

    def score_epoch(self, states: list[Any], epoch: int) -> None:
        """Scores the validation split by the task's states of it: sets `score` and `is_best`."""
        task = self.network.task
        value = task.monitored(states)
        score = task.as_score(value)
        named = {f"val/{task.monitor}": value, "val/score": score}
        # in the default float type, as Lightning logs values
        self.epoch_values = {name: float(torch.tensor(number)) for name, number in named.items()}
        self.score = self.epoch_values["val/score"]
        epochs = self.job.config["trainer"]["max_epochs"]
        best = (self.best_score, self.network.best_epoch)
        self.is_best = is_new_best(self.network.methods, epochs, epoch, score, best)
        if not math.isfinite(value):
            weights = best_weights_text(self.network.best_epoch) if epoch else "the first"
            message = f"validation {task.monitor} is {value} in epoch {epoch + 1}"
            self.mark_diverged(message, weights)
        if self.is_best:
            self.best_score, self.network.best_epoch = score, epoch

    @property
    def has_all_epochs(self) -> bool:
        """True when the run's last epoch is over."""
        return len(self.network.history) == self.job.config["trainer"]["max_epochs"]

    def has_ended(self, *, is_stopped: bool) -> bool:
        """True when the run leaves its stack; `is_stopped`: a method says that it is to end."""
        return is_stopped or self.has_all_epochs or self.error is not None

    def record_epoch(self, epoch: int, *, loss: float, lr: float, seconds: float) -> None:
        """Adds an epoch's row to the history, as a run alone has it; marks a run that is pruned."""
        row = {"epoch": epoch, **self.epoch_values}
        row |= {"train/loss": loss, "lr": lr, "seconds": seconds}
        self.network.history.append(row)
        self.seconds += seconds
        self._log(row)
        if self.error is None and self.job.watch and self.job.watch(epoch, self.score):
            self.error = pruned_run(self.network.history)

    def report_history(self) -> None:
        """Tells watcher, log and trackers again of the epochs of an earlier process."""
        for row in self.network.history:
            if self.job.watch:
                self.job.watch(int(row["epoch"]), row["val/score"])
            self._log(row)

    def _log(self, row: dict[str, float]) -> None:
        line = epoch_line(row, self.job.config["trainer"]["max_epochs"])
        self.log_lines.append(log_text(line))
        for tracker in self.trackers:
            for split in ("val", "train"):
                values = {key: row[key] for key in row if key.startswith(f"{split}/")}
                tracker.log_metrics(values, step=int(row["epoch"]))

    def mark_diverged(self, message: str, weights: str) -> None:
        """Ends the run at the end of the epoch; `weights` says which are kept."""
        if self.error is None:
            self.error = Diverged(message)
            self.error.weights = weights

    def finish(
        self,
        data: Data,
        description: Path,
        log_lines: list[str],
    ) -> None:
        """Scores the run and gives its folder its name.

        `description`: a folder with the files that describe the data; `log_lines`: what was said
        of all runs of the stack so far.
        Raises: the error that ended the run, once that is recorded in its folder.
        """
        self.network.seconds = self.seconds
        for tracker in self.trackers:
            tracker.finalize("failed" if self.error else "success")
        with self.closing:
            lines = in_order([*log_lines, *self.log_lines])
            (self.folder / LOG_FILE).write_text("".join(f"{line}\n" for line in lines))
            with logged_to(self.folder / LOG_FILE):
                if isinstance(self.error, Diverged):
                    self.network.save(self.folder)
                if self.error:
                    raise self.error
                share_files(description, self.folder)
                name, config = self.job.folder.name, self.job.config
                result = run.score_and_save(
                    config, self.network, data, self.folder, name=name, constant=self.constant
                )
        publish_run(config, self.job.folder)
        log.info("    %s", result)

    def abandon(self, error: BaseException | None = None, *, keep_checkpoint: bool = True) -> None:
        """Closes the folder of a run that its stack could not train to the end."""
        error = error or LeptonError("its stack ended")
        for tracker in self.trackers:
            tracker.finalize("failed")
        if not keep_checkpoint:
            shutil.rmtree(self.checkpoints.folder, ignore_errors=True)
        with suppress(type(error)):
            self.closing.__exit__(type(error), error, error.__traceback__)


class AbsentMember(StackMember):
    """Holds the row of a run that trains elsewhere, or has ended: the rows of the others stay what
    they were, and nothing of this one is written.

    `left`: the number of epochs after which the run left the stack, where that is known.
    """

    def __init__(
        self,
        job: Job,
        network: Network,
        schedule: MemberSchedule,
        constant: dict[str, float],
        *,
        left: int | None = None,
    ):
        super().__init__(replace(job, watch=None), network, schedule, constant)
        self.left = left

    @classmethod
    def instead_of(cls, member: StackMember, *, left: int | None = None) -> "AbsentMember":
        """Holds the row of a member that was to train."""
        return cls(member.job, member.network, member.schedule, member.constant, left=left)

    def begin_beside(self, other: StackMember) -> None:
        """Begins where another member does, from numbers of its own if it has them: those of one
        row change nothing of another."""
        own_states = self.checkpoints.peek_all() if other.place else ()
        self.place = other.place
        state = next(filter(self._is_at_place, own_states), other.saved_state)
        if state:
            self.take_over(state)

    def save(self, state: dict[str, Any]) -> None:
        """Writes nothing."""

    def has_ended(self, *, is_stopped: bool) -> bool:
        if self.left is None:
            return super().has_ended(is_stopped=is_stopped)
        return len(self.network.history) >= self.left
