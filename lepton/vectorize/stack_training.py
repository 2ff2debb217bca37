"""Trains one stack with Lightning, from the run folders of its members to their results."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from lepton import build
from lepton.compat.lightning import pl
from lepton.dataset.data import Data
from lepton.errors import Finished, LeptonError, Locked, Pruned
from lepton.storage.run_log import CollectedLog
from lepton.sweep.attempt import LOCKED, failure_outcome
from lepton.sweep.job import Job
from lepton.sweep.progress import SweepProgress
from lepton.trainer.lightning_output import log_warnings_only
from lepton.training.progress import Progress
from lepton.training.resume import describe_place
from lepton.training.signals import interruptible
from lepton.vectorize.batches import StackedData
from lepton.vectorize.checkpointing import StackSaver
from lepton.vectorize.member import AbsentMember, StackMember
from lepton.vectorize.module import StackedTrainingModule

log = logging.getLogger("lepton")


@dataclass(frozen=True)
class SharedRecords:
    """The data that members are scored on, and all that is the same in their run folders.

    `description`: a folder with the files that describe the data; `log_lines`: what was said of
    all of them before their stack; `log` goes on collecting.
    """

    data: Data
    description: Path
    log_lines: list[str]
    log: CollectedLog


class StackTraining:
    """One stack's training; each run is recorded when it leaves, whether it failed or not.

    `open_members` have a run folder in progress; where the training breaks off, some are left.
    `recorded` have left the stack, well or not.
    """

    def __init__(
        self,
        members: Sequence[StackMember],
        records: SharedRecords,
        progress: SweepProgress,
        *,
        size: int,
        on_leave: Callable[[Sequence[StackMember]], None],
    ):
        """`size`: of the stack when it began; `on_leave` is called with the members that leave it
        together, before the first of them is recorded."""
        self.members, self.records, self.progress = members, records, progress
        self.size, self.on_leave = size, on_leave
        self.open_members: list[StackMember] = []
        self.recorded: list[StackMember] = []
        self.first_line = len(records.log.lines)  # of those about this stack

    def train(self) -> None:
        """Trains the members that no other process has, to their ends.

        Raises: whatever breaks off the stack; a failure of one run is recorded as its own.
        """
        rows = [self._begin(member) for member in self.members]
        for member in rows if self.open_members else ():
            if isinstance(member, AbsentMember):
                member.begin_beside(self.open_members[0])
        if self.open_members:
            self._fit(rows)

    def abandon(self, error: BaseException | None = None, *, keep_checkpoints: bool = True) -> None:
        """Closes the folders of the runs that are left."""
        for member in self.open_members:
            member.abandon(error, keep_checkpoint=keep_checkpoints)

    def _begin(self, member: StackMember) -> StackMember:
        """Begins a member; returns it, or what holds its row."""
        if isinstance(member, AbsentMember):
            return member
        with self.records.log.paused():
            self._begin_alone(member)
        return member if member in self.open_members else AbsentMember.instead_of(member)

    def _begin_alone(self, member: StackMember) -> None:
        try:
            member.begin()
        except Finished:
            self.progress.ended(member.job)
        except Locked as e:
            log.info("    %s", e)
            self.progress.ended(member.job, LOCKED)
        except LeptonError as e:
            self._report_failure(member, e)
        else:
            self.open_members.append(member)
            self.progress.started(member.job)

    def _fit(self, members: Sequence[StackMember]) -> None:
        """`members`: of each row of the stack."""
        place = self.open_members[0].place
        resumed = f", from {describe_place(place.epoch, place.batches)} on" if place else ""
        log.info("training %d runs as one stack%s ...", len(self.open_members), resumed)
        for member in members:
            member.network.trained_as = f"stack of {self.size}"
        options = members[0].job.config["trainer"]
        module = StackedTrainingModule(
            members,
            StackedData(self.records.data, [member.seed for member in members]),
            accumulate=options["accumulate_grad_batches"],
            on_members_end=self._end,
            saver=StackSaver(options["checkpoint_every"]),
        )
        with torch.random.fork_rng(), interruptible(saving=True):
            build_trainer(members).fit(module, datamodule=module.data)

    def _end(self, members: Sequence[StackMember]) -> None:
        """Records runs that have left the stack; whatever goes wrong is a run's own failure."""
        self.on_leave(members)
        for member in members:
            if member not in self.open_members:
                continue
            self.recorded.append(member)
            with self.records.log.paused():
                self._record(member)
            self.open_members.remove(member)

    def _record(self, member: StackMember) -> None:
        records = self.records
        log_lines = records.log_lines + records.log.lines[self.first_line :]
        try:
            member.finish(records.data, records.description, log_lines)
        except Pruned as e:
            log.info("    %s: %s", member.job, e)
            self.progress.ended(member.job)
        except Exception as e:
            self._report_failure(member, e)
        else:
            self.progress.ended(member.job)

    def _report_failure(self, member: StackMember, error: Exception) -> None:
        is_recorded = not isinstance(error, LeptonError)
        report_failure(member.job, error, self.progress, is_recorded=is_recorded)


def report_failure(
    job: Job, error: Exception, progress: SweepProgress, *, is_recorded: bool = False
) -> None:
    """Says that a job failed, and records it where `is_recorded` is False."""
    outcome = failure_outcome(job, error, recorded=is_recorded)
    log.error("%s: %s", job, outcome.line)
    progress.ended(job, outcome.kind, outcome.line)


def build_trainer(members: Sequence[StackMember]) -> pl.Trainer:
    """A trainer for as many epochs as the longest run of a stack has."""
    config = members[0].job.config
    epochs = max(member.job.config["trainer"]["max_epochs"] for member in members)
    options = config["trainer"] | {"max_epochs": epochs, "threads": None}
    log_warnings_only()
    return build.instantiate(options, "trainer", callbacks=[Progress()], logger=False)
