"""Hydra launcher: a bounded pool of warm worker processes on this machine."""

import os
from collections.abc import Sequence

from lepton.config.upper_bounds import refuse_beyond_cores
from lepton.errors import LeptonError
from lepton.launch.worker_pool import WorkerPool
from lepton.sweep.job import Job
from lepton.sweep.progress import SweepProgress


class Parallel:
    """Trains planned jobs in `workers` processes; each has a GPU, or a share of one, for life.

    Units: `timeout` is seconds a job.
    """

    heeds_budget = True  # asks `progress.may_start` before each start

    def __init__(self, *, workers: int | None, per_gpu: int, timeout: float | None):
        if not hasattr(os, "setsid"):
            raise LeptonError("hydra/launcher=parallel: needs Linux or macOS; take basic")
        for name, value in (("workers", workers), ("per_gpu", per_gpu), ("timeout", timeout)):
            if value is not None and not value > 0:
                raise LeptonError(f"hydra.launcher.{name}: {value!r} is not a number above 0")
        refuse_beyond_cores("hydra.launcher.workers", workers or 1, "processes")
        refuse_beyond_cores("hydra.launcher.per_gpu", per_gpu, "processes")
        self.workers, self.per_gpu, self.timeout = workers, per_gpu, timeout

    def launch_jobs(self, jobs: Sequence[Job], progress: SweepProgress | None = None) -> None:
        """Returns when every job has ended, or was not started because the sweep stops."""
        if not jobs:
            return
        pool = WorkerPool(
            jobs,
            progress or SweepProgress(jobs),
            workers=self.workers,
            per_gpu=self.per_gpu,
            timeout=self.timeout,
        )
        pool.run()
