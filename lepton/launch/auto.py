"""Hydra launcher, the default: stacks runs that can share a stack; a pool where one pays."""

import logging
import time
from collections.abc import Sequence

from lepton.launch.basic import Basic
from lepton.launch.parallel import Parallel
from lepton.launch.vectorized import Vectorized
from lepton.storage.stack_records import is_stacked
from lepton.sweep.job import Job
from lepton.sweep.parallelism import POOL_START_SECONDS, fitting_workers, seconds_saved
from lepton.sweep.progress import SweepProgress

log = logging.getLogger("lepton")


class Auto:
    """Vectorized, then as many runs one by one as tell whether a pool would be done sooner.

    Units: `timeout` is seconds a job.
    """

    heeds_budget = True  # asks `progress.may_start` before each start

    def __init__(
        self,
        *,
        threads: int | None,
        size: int | None,
        workers: int | None,
        per_gpu: int,
        timeout: float | None,
    ):
        self.vectorized = Vectorized(threads=threads, size=size, workers=workers)
        self.parallel = Parallel(workers=workers, per_gpu=per_gpu, timeout=timeout)

    def launch_jobs(self, jobs: Sequence[Job], progress: SweepProgress | None = None) -> None:
        """Returns when every job has ended, or was not started because the sweep stops."""
        progress = progress or SweepProgress(jobs)
        workers = self.parallel.workers or fitting_workers(jobs)
        unstacked = list(jobs)
        if self.parallel.timeout is None:  # a stack's runs have no time of their own
            if len(jobs) > 1 or any(is_stacked(job.folder) for job in jobs):
                unstacked = self.vectorized.stack(jobs, progress)
            unstacked = self._train_while_no_pool_pays(unstacked, workers, progress)
        if unstacked and not progress.stop_reason:
            pool_size = min(workers, len(unstacked))
            log.info("%d runs on a pool of %d workers", len(unstacked), pool_size)
            self.parallel.launch_jobs(unstacked, progress)

    def _train_while_no_pool_pays(
        self, jobs: list[Job], workers: int, progress: SweepProgress
    ) -> list[Job]:
        """Trains in this process until a pool would save more than it costs; returns what is left.

        No job is left when the sweep stops.
        """
        started = time.monotonic()
        for count in range(len(jobs)):
            if progress.stop_reason:
                return []
            seconds_per_run = (time.monotonic() - started) / count if count else 0.0
            if seconds_saved(seconds_per_run * (len(jobs) - count), workers) > POOL_START_SECONDS:
                return jobs[count:]
            Basic().launch_jobs(jobs[count : count + 1], progress)
        return []
