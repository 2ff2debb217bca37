"""Hydra launcher, the default: stacks what can be stacked; a pool for the rest where it pays."""

import logging
import time
from collections.abc import Sequence

from lepton.launch.basic import Basic
from lepton.launch.parallel import Parallel
from lepton.launch.vectorized import Vectorized
from lepton.sweep.job import Job
from lepton.sweep.parallelism import (
    POOL_START_SECONDS,
    available_cores,
    seconds_saved,
    threads_of_run,
)
from lepton.sweep.progress import SweepProgress

log = logging.getLogger("lepton")


class Auto:
    """Vectorized, then as many runs one by one as tell whether a pool would be done sooner."""

    def __init__(
        self,
        *,
        threads: int | None,
        size: int | None,
        workers: int | None,
        per_gpu: int,
        timeout: float | None,
    ):
        self.stacks = Vectorized(threads=threads, size=size, workers=workers)
        self.pool = Parallel(workers=workers, per_gpu=per_gpu, timeout=timeout)

    def setup(self, *, hydra_context, task_function, config) -> None:
        pass

    def launch_jobs(self, jobs: Sequence[Job], progress: SweepProgress | None = None) -> None:
        progress = progress or SweepProgress(jobs)
        workers = self.pool.workers or _workers(jobs)
        rest = list(jobs)
        if len(jobs) > 1 and self.pool.timeout is None:  # a stack's runs have no time of their own
            rest = self.stacks.stack(jobs, progress, alone=workers)
        if self.pool.timeout is None:
            rest = self._inline(rest, workers, progress)
        if rest and not progress.stop_reason:
            log.info("%d runs on a pool of %d workers", len(rest), min(workers, len(rest)))
            self.pool.launch_jobs(rest, progress)

    def _inline(self, jobs: list[Job], workers: int, progress: SweepProgress) -> list[Job]:
        """Trains in this process until a pool would save more than it costs; returns the rest."""
        started = time.monotonic()
        for count in range(len(jobs)):
            if progress.stop_reason:
                return []
            pace = (time.monotonic() - started) / count if count else 0.0
            if seconds_saved(pace * (len(jobs) - count), workers) > POOL_START_SECONDS:
                return jobs[count:]
            Basic().launch_jobs(jobs[count : count + 1], progress)
        return []


def _workers(jobs: Sequence[Job]) -> int:
    cores = available_cores()
    return max(1, cores // max(threads_of_run(job.config, cores) for job in jobs))
