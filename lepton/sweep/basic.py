"""Hydra launcher: one run after the other in this process; a failure does not stop the rest."""

import logging
from collections.abc import Sequence

from lepton.errors import Claimed, LeptonError
from lepton.results import record_failure
from lepton.sweep.plan import Job

log = logging.getLogger("lepton")


class Basic:
    """Trains planned jobs in order."""

    def setup(self, *, hydra_context, task_function, config) -> None:
        pass

    def launch_jobs(self, jobs: Sequence[Job]) -> None:
        for number, job in enumerate(jobs, 1):
            log.info("[%d/%d] %s", number, len(jobs), job)
            attempt(job)


def attempt(job: Job) -> None:
    """Trains one job; whatever goes wrong is recorded in its study and said in a line."""
    from lepton.run import train_checked  # torch loads only once there is a run to train

    try:
        log.info("    %s", train_checked(job.config, job.folder))
    except Claimed as error:
        log.info("    %s", error)
    except Exception as error:
        if isinstance(error, LeptonError):
            record_failure(job.folder, job.config, error)
        log.error("    failed: %s: %s", type(error).__name__, " ".join(str(error).split()))
