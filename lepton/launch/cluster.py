"""Hands jobs to other machines, and follows them to their end; shared by the cluster launchers.

The machines share the working directory, and see the study under the same path.
"""

import logging
import os
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from lepton.errors import WorkerLost
from lepton.launch.process_environment import ProcessEnvironment
from lepton.sweep.attempt import JobOutcome, attempt_job, failure_outcome, log_level
from lepton.sweep.job import Job
from lepton.sweep.progress import SweepProgress
from lepton.training.tracker import prepare_databases

log = logging.getLogger("lepton")
POLL_SECONDS = 0.5  # between two looks at the jobs of a cluster
MAX_MESSAGE_LENGTH = 500  # characters of what a cluster says of a lost job


def train_on_cluster(job: Job, environment: ProcessEnvironment) -> JobOutcome:
    """Trains one job in a process of its own on another machine, where this is called."""
    environment.add()
    os.environ["SLURM_JOB_NAME"] = "bash"  # else Lightning takes over signals and processes
    return attempt_job(job)


class ClusterJob(Protocol):
    """A job in the hands of a cluster."""

    def has_ended(self) -> bool:
        """True when it has ended, well or not."""
        ...

    def outcome(self) -> JobOutcome:
        """The outcome of the run; raises when the cluster lost it."""
        ...

    def cancel(self) -> None:
        """Ends it, or takes it out of the queue."""
        ...


def run_on_cluster(
    jobs: Sequence[Job],
    progress: SweepProgress,
    submit: Callable[[list[Job]], Sequence[ClusterJob]],
    *,
    at_once: int,
) -> None:
    """Hands over the jobs, at most so many at once, until all have ended or the sweep stops."""
    prepare_databases([job.config for job in jobs])
    waiting, count = list(jobs), 0
    submitted: list[tuple[Job, ClusterJob]] = []
    try:
        while submitted or (waiting and not progress.stop_reason):
            batch = [] if progress.stop_reason else waiting[: at_once - len(submitted)]
            if batch:
                submitted += zip(batch, submit(batch), strict=True)
                waiting = waiting[len(batch) :]
            for job in batch:
                progress.started(job)
            ended = [pair for pair in submitted if pair[1].has_ended()]
            submitted = [pair for pair in submitted if pair not in ended]
            for job, cluster_job in ended:
                outcome, count = _outcome(job, cluster_job), count + 1
                log.log(log_level(outcome), "[%d/%d] %s: %s", count, len(jobs), job, outcome.line)
                progress.ended(job, outcome.kind)
            if not ended:
                time.sleep(POLL_SECONDS)
    except BaseException:
        for _, cluster_job in submitted:
            cluster_job.cancel()
        raise


def _outcome(job: Job, cluster_job: ClusterJob) -> JobOutcome:
    """The outcome of a job; what the cluster says of a lost one is recorded as its failure."""
    try:
        return cluster_job.outcome()
    except Exception as error:
        message = " ".join(str(error).split())[:MAX_MESSAGE_LENGTH]
        name = "" if isinstance(error, WorkerLost) else f"{type(error).__name__}: "
        return failure_outcome(job, WorkerLost(f"{name}{message}"))
