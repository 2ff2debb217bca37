"""Groups of runs trained as stacks at the same time, each in a worker of the pool."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from lepton.errors import WorkerLost
from lepton.launch.parallel import Parallel, Pool
from lepton.launch.worker_process import Slot, warm_up
from lepton.storage.run_folder import read_failure
from lepton.sweep.attempt import DISK_FULL
from lepton.sweep.job import Job
from lepton.sweep.progress import SweepProgress
from lepton.training.signals import Interrupted

log = logging.getLogger("lepton")
Ends = list[tuple[Path, str]]  # of a run's folder, and a word or a reason


def in_pool(
    together: Sequence[Sequence[Job]], options: Any, workers: int, progress: SweepProgress
) -> list[tuple[Job, str]]:
    """Trains the groups on so many workers; returns the runs that were not stacked, with reasons.

    `options` are those of `lepton.vectorize.job_group`, for all workers together.
    """
    warm_up()
    threads = max(1, options.threads // workers)
    options = replace(options, threads=threads, memory_share=options.memory_share / workers)
    pool = _Stacks(together, options, workers, progress)
    pool.run()
    return pool.alone


class _Stacks(Pool):
    """A pool whose every piece of work is a group."""

    def __init__(self, together, options, workers: int, progress: SweepProgress):
        jobs = [job for group in together for job in group]
        super().__init__(Parallel(workers=workers, per_gpu=1, timeout=None), jobs, progress)
        self.waiting.clear()
        self.waiting.extend(together)
        self.options, self.alone = options, []

    def serve(self, slot: Slot, group: Sequence[Job]) -> None:
        self.training[slot] = group[0]
        for job in group:
            self.progress.started(job)
        try:
            ended, rest = slot.do(train_group, group, self.options, self.progress.fail_fast)
        except WorkerLost as error:
            if self.ending.is_set():
                return
            log.warning("%d runs, %s and others: %s", len(group), group[0], error)
            ended, rest = [], [(job.folder, f"the worker of its stack: {error}") for job in group]
        jobs = {job.folder: job for job in group}
        for folder, kind in ended:
            self.progress.ended(jobs[folder], kind)
        self.progress.put_back(jobs[folder] for folder, _ in rest)
        self.alone += [(jobs[folder], why) for folder, why in rest]


def train_group(jobs: Sequence[Job], options: Any, fail_fast: bool) -> tuple[Ends, Ends]:
    """In a worker: how each run of a group ended, and which were not stacked and why."""
    from lepton.vectorize.job_group import JobGroup

    progress = _Told(jobs, fail_fast=fail_fast)
    try:
        rest = JobGroup(jobs, options, progress).train()
    except Interrupted as told:
        raise RuntimeError(str(told)) from None  # a worker that is told to end takes no other work
    return progress.kinds, [(job.folder, why) for job, why in rest]


class _Told(SweepProgress):
    """Of a worker: what it has to tell the sweep; the tables are the sweep's to write."""

    def __init__(self, jobs: Sequence[Job], *, fail_fast: bool):
        super().__init__(jobs, fail_fast=fail_fast)
        self.kinds: Ends = []

    def ended(self, job: Job, kind: str = "ended") -> None:
        self.kinds.append((job.folder, kind))
        if kind == DISK_FULL or (self.fail_fast and read_failure(job.folder)):
            self.stop_reason = kind
