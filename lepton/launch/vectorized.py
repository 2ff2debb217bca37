"""Hydra launcher: runs that differ in numbers alone are trained as one, the others one by one."""

import logging
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from lepton.config.upper_bounds import refuse_beyond_cores
from lepton.errors import LeptonError
from lepton.launch.basic import Basic
from lepton.launch.stacks import train_groups_in_pool
from lepton.storage.stack_records import StackRecords
from lepton.sweep.job import Job
from lepton.sweep.parallelism import POOL_START_SECONDS, available_cores, seconds_saved
from lepton.sweep.progress import SweepProgress

if TYPE_CHECKING:
    from lepton.vectorize.job_group import UnstackedJobs

log = logging.getLogger("lepton")


class Vectorized:
    """Trains in stacks what can be stacked, and says of the other runs why not."""

    heeds_budget = True  # asks `progress.may_start` before each start

    def __init__(self, *, threads: int | None, size: int | None, workers: int | None):
        for name, value in (("threads", threads), ("size", size), ("workers", workers)):
            if value is not None and not (type(value) is int and value > 0):
                raise LeptonError(f"hydra.launcher.{name}: {value!r} is not a whole number above 0")
        refuse_beyond_cores("hydra.launcher.threads", threads or 1, "threads")
        refuse_beyond_cores("hydra.launcher.workers", workers or 1, "processes")
        self.threads, self.size, self.workers = threads, size, workers
        self.told_reasons: set[str] = set()  # a search comes with batch after batch

    def launch_jobs(self, jobs: Sequence[Job], progress: SweepProgress | None = None) -> None:
        """Returns when every job has ended, or was not started because the sweep stops."""
        progress = progress or SweepProgress(jobs)
        Basic().launch_jobs(self.stack(jobs, progress), progress)

    def stack(self, jobs: Sequence[Job], progress: SweepProgress) -> list[Job]:
        """Trains what can be stacked; returns the other runs, in order."""
        from lepton.vectorize.grouping import group_jobs  # loads torch, which is slow
        from lepton.vectorize.job_group import JobGroup, StackingOptions

        groups, unstacked = group_jobs(jobs)
        log.info("%s", _describe_groups(groups, unstacked))
        threads = self.threads or (self._recorded_threads(groups) if groups else 1)
        options = StackingOptions(threads=threads, size=self.size)
        started = time.monotonic()
        for count, group in enumerate(groups):
            seconds_per_group = (time.monotonic() - started) / count if count else 0.0
            workers = self._paying_workers(len(groups) - count, seconds_per_group)
            if workers > 1:
                log.info("%d groups on a pool of %d workers", len(groups) - count, workers)
                unstacked += train_groups_in_pool(groups[count:], options, workers, progress)
                break
            unstacked += JobGroup(group, options, progress).train()
        reasons = [reason for _, reason in unstacked]
        for reason in dict.fromkeys(reasons):
            level = logging.DEBUG if reason in self.told_reasons else logging.INFO
            counts = reasons.count(reason), len(jobs)
            log.log(level, "one by one, %d of %d runs: %s", *counts, reason)
            self.told_reasons.add(reason)
        folders = {job.folder for job, _ in unstacked}
        return [job for job in jobs if job.folder in folders]

    def _recorded_threads(self, groups: list[list[Job]]) -> int:
        """The CPU threads of the study's stacks: at first, the share of each of several groups."""
        share = max(1, available_cores() // min(len(groups), self.workers or len(groups)))
        return StackRecords(groups[0][0].folder.parent).threads(share)

    def _paying_workers(self, groups: int, seconds_per_group: float) -> int:
        """The number of workers for groups that are left; 1 unless a pool saves more than it costs.

        Units: seconds that a group takes in this process; 0 when that is not known yet.
        """
        workers = min(self.workers or available_cores(), groups)
        saved = seconds_saved(seconds_per_group * groups, workers)
        return workers if saved > POOL_START_SECONDS else 1


def _describe_groups(groups: list[list[Job]], unstacked: "UnstackedJobs") -> str:
    """The numbers of runs that are stacked and that are not, in words."""
    stacked = sum(map(len, groups))
    noun = "group" if len(groups) == 1 else "groups"
    texts = [f"{stacked} runs in {len(groups)} {noun}, each trained as one stack"] if groups else []
    texts += [f"{len(unstacked)} one by one"] if unstacked else []
    return "; ".join(texts)
