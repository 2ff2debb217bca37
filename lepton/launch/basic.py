"""Hydra launcher: one run after the other; a failure does not stop the others.

A run of several processes has one of its own for the first of them, which may be lost with them.
"""

import logging
from collections.abc import Sequence

from lepton.launch.worker_pool import WorkerPool
from lepton.sweep.attempt import attempt_job, log_level
from lepton.sweep.job import Job
from lepton.sweep.parallelism import has_several_processes
from lepton.sweep.progress import SweepProgress

log = logging.getLogger("lepton")


class Basic:
    """Trains planned jobs in order."""

    heeds_budget = True  # asks `progress.may_start` before each start

    def launch_jobs(self, jobs: Sequence[Job], progress: SweepProgress | None = None) -> None:
        """Returns when every job has ended, or was not started because the sweep stops."""
        progress = progress or SweepProgress(jobs)
        progress.at_once(1)
        for job in jobs:
            if progress.stop_reason:
                break
            if has_several_processes(job.config):
                WorkerPool([job], progress, workers=1).run()
                continue
            if not progress.may_start(job):
                continue
            number = progress.done + progress.failed + 1
            log.info("[%d/%d] %s", number, progress.total, progress.told(job))
            progress.started(job)
            outcome = attempt_job(job)
            log.log(log_level(outcome), "    %s", outcome.line)
            progress.ended(job, outcome.kind, outcome.line)
