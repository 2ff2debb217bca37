"""Groups of runs trained as stacks at the same time, each in a worker of the pool."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from lepton.errors import WorkerLost
from lepton.launch.worker_pool import WorkerPool
from lepton.launch.worker_process import WorkerProcess
from lepton.storage.run_folder import read_failure
from lepton.storage.stack_records import StackRecords
from lepton.sweep.attempt import DISK_FULL, ENDED, REFUSED
from lepton.sweep.job import Job
from lepton.sweep.progress import SweepProgress, end_times
from lepton.training.signals import Interrupted

if TYPE_CHECKING:  # loads torch, which is slow
    from lepton.vectorize.job_group import StackingOptions, UnstackedJobs

log = logging.getLogger("lepton")
Ends = list[tuple[Path, str, str]]  # a run's folder, the kind of its outcome, and its line
ReasonByFolder = list[tuple[Path, str]]  # a run's folder, and why it was not stacked


def train_groups_in_pool(
    groups: Sequence[Sequence[Job]],
    options: "StackingOptions",
    workers: int,
    progress: SweepProgress,
) -> "UnstackedJobs":
    """Trains the groups on so many workers; returns the runs that were not stacked, with reasons.

    `options` are for all workers together.
    """
    options = replace(options, memory_share=options.memory_share / workers)
    pool = _GroupPool(groups, options, workers, progress)
    pool.run()
    return pool.unstacked


class _GroupPool(WorkerPool):
    """A pool whose every piece of work is a group."""

    def __init__(
        self,
        groups: Sequence[Sequence[Job]],
        options: "StackingOptions",
        workers: int,
        progress: SweepProgress,
    ):
        super().__init__([job for group in groups for job in group], progress, workers=workers)
        self.waiting.clear()
        self.waiting.extend(groups)
        self.options, self.unstacked = options, []

    def train(self, worker: WorkerProcess, group: Sequence[Job]) -> None:
        """Trains a group, and tells how each of its runs ended."""
        self.job_by_worker[worker] = group[0]
        for job in group:
            self.progress.started(job)
        job_by_folder = {job.folder: job for job in group}
        ended, unstacked = self._train_twice(worker, group)
        if self.ending.is_set():
            return
        for folder, kind, line in ended:
            self.progress.ended(job_by_folder[folder], kind, line)
        self.progress.put_back(job_by_folder[folder] for folder, _ in unstacked)
        self.unstacked += [(job_by_folder[folder], reason) for folder, reason in unstacked]

    def _train_twice(
        self, worker: WorkerProcess, group: Sequence[Job]
    ) -> tuple[Ends, ReasonByFolder]:
        """A group that takes its worker with it goes on in a fresh one; after that, as single runs.

        What had ended until then has its folder.
        """
        ended: Ends = []
        before = {job.folder: end_times(job) for job in group}
        for last_words in ("once more in a fresh worker", "its runs are trained one by one"):
            try:
                more, unstacked = worker.call(
                    train_group, group, self.options, self.progress.fail_fast
                )
            except WorkerLost as error:
                if self.ending.is_set():
                    return [], []
                log.warning(
                    "%d runs, %s and others: %s; %s", len(group), group[0], error, last_words
                )
                reason = f"the worker of its stack: {error}"
                ended += [(j.folder, ENDED, "") for j in group if end_times(j) != before[j.folder]]
                group = [job for job in group if end_times(job) == before[job.folder]]
                if not group:
                    return ended, []
            else:
                return ended + more, unstacked
        study = StackRecords(self.jobs[0].folder.parent)
        study.train_alone([job.folder.name for job in group], reason)
        return ended, [(job.folder, reason) for job in group]


def train_group(
    jobs: Sequence[Job], options: "StackingOptions", fail_fast: bool
) -> tuple[Ends, ReasonByFolder]:
    """Trains a group in a worker; returns how runs ended, and which were not stacked and why."""
    from lepton.vectorize.job_group import JobGroup

    progress = _GroupProgress(jobs, fail_fast=fail_fast)
    try:
        unstacked = JobGroup(jobs, options, progress).train()
    except Interrupted as interrupted:
        # a worker that is told to end takes no other work
        raise RuntimeError(str(interrupted)) from None
    return progress.ends, [(job.folder, reason) for job, reason in unstacked]


class _GroupProgress(SweepProgress):
    """The progress of a group in a worker, for the sweep, which counts and writes the tables."""

    def __init__(self, jobs: Sequence[Job], *, fail_fast: bool):
        super().__init__(jobs, fail_fast=fail_fast)
        self.ends: Ends = []

    def ended(self, job: Job, kind: str = ENDED, line: str = "") -> None:
        """Notes how a run has ended, and whether no further one may start."""
        self.ends.append((job.folder, kind, line))
        failed = kind == REFUSED or read_failure(job.folder)
        if kind == DISK_FULL or (self.fail_fast and failed):
            self.stop_reason = kind

    def taken_back(self, job: Job) -> None:
        """Forgets how a run ended that is trained again."""
        self.ends = [end for end in self.ends if end[0] != job.folder]
