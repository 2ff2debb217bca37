"""Hydra launcher: one run after the other in this process; a failure does not stop the others."""

import logging
from collections.abc import Sequence

from lepton.sweep.attempt import attempt_job, log_level
from lepton.sweep.job import Job
from lepton.sweep.progress import SweepProgress

log = logging.getLogger("lepton")


class Basic:
    """Trains planned jobs in order."""

    def launch_jobs(self, jobs: Sequence[Job], progress: SweepProgress | None = None) -> None:
        """Returns when every job has ended, or was not started because the sweep stops."""
        progress = progress or SweepProgress(jobs)
        for job in jobs:
            if progress.stop_reason:
                break
            number = progress.done + progress.failed + 1
            log.info("[%d/%d] %s", number, progress.total, job)
            progress.started(job)
            outcome = attempt_job(job)
            log.log(log_level(outcome), "    %s", outcome.line)
            progress.ended(job, outcome.kind, outcome.line)
