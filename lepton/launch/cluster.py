"""Hands jobs to other machines, and follows them to their end; shared by the cluster launchers.

The machines share the working directory, and see the study under the same path.
"""

import logging
import math
import os
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from lepton.errors import LeptonError, WorkerLost
from lepton.launch.process_environment import ProcessEnvironment
from lepton.sweep.attempt import JobOutcome, attempt_job, failure_outcome, log_level
from lepton.sweep.job import Job
from lepton.sweep.progress import SweepProgress
from lepton.training.tracker import prepare_databases

log = logging.getLogger("lepton")
RETRY_SECONDS = 5.0  # after which a cluster that refused is asked again, though no job has ended
REFUSED_SECONDS = 60.0  # for which it may refuse after the last job has ended
POLL_SECONDS = 0.5  # between two looks at the jobs of a cluster
MAX_MESSAGE_LENGTH = 500  # characters of what a cluster says of a lost job


def train_on_cluster(job: Job, environment: ProcessEnvironment) -> JobOutcome:
    """Trains one job in a process of its own on another machine, where this is called."""
    environment.add()
    os.environ["SLURM_JOB_NAME"] = "bash"  # else Lightning takes over signals and processes
    return attempt_job(job)


class Refused(LeptonError):
    """The cluster takes no job for now, or none like these."""


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
    """Hands over the jobs, at most so many at once, until all have ended or the sweep stops.

    `submit` returns the first of them alone, or raises Refused, where the cluster takes no more for
    now; it is asked again when a job has ended.
    Raises: Refused where it takes none, and no job is there that could make room.
    """
    prepare_databases([job.config for job in jobs])
    waiting, count, patience = list(jobs), 0, _Patience()
    submitted: list[tuple[Job, ClusterJob]] = []
    try:
        while submitted or (waiting and not progress.stop_reason):
            if patience.is_over() and not progress.stop_reason:
                batch = waiting[: at_once - len(submitted)]
                taken = _submit(batch, submit, patience, has_others=bool(submitted))
                submitted += zip(waiting, taken, strict=False)
                for job in waiting[: len(taken)]:
                    progress.started(job)
                waiting = waiting[len(taken) :]
            ended = [pair for pair in submitted if pair[1].has_ended()]
            submitted = [pair for pair in submitted if pair not in ended]
            for job, cluster_job in ended:
                outcome, count = _outcome(job, cluster_job), count + 1
                log.log(log_level(outcome), "[%d/%d] %s: %s", count, len(jobs), job, outcome.line)
                progress.ended(job, outcome.kind, outcome.line)
            if ended:
                patience.accepted()
            else:
                time.sleep(POLL_SECONDS)
    except BaseException:
        for _, cluster_job in submitted:
            cluster_job.cancel()
        raise


def _submit(
    batch: list[Job],
    submit: Callable[[list[Job]], Sequence[ClusterJob]],
    patience: "_Patience",
    *,
    has_others: bool,
) -> Sequence[ClusterJob]:
    """Hands over the jobs; returns those that were taken, the first ones.

    Raises: Refused, as `run_on_cluster`.
    """
    if not batch:
        return []
    try:
        taken = submit(batch)
    except Refused as e:
        patience.refused(e, len(batch), has_others=has_others)
        return []
    patience.accepted()
    return taken


class _Patience:
    """When a cluster that is full is asked again, and when no longer."""

    def __init__(self) -> None:
        self.changed_at, self.next_at, self.said = -math.inf, -math.inf, ""

    def accepted(self) -> None:
        """Notes that jobs were taken, or have ended: more may be taken at once."""
        self.changed_at, self.next_at = time.monotonic(), -math.inf

    def refused(self, refusal: Refused, runs: int, *, has_others: bool) -> None:
        """Lets the runs wait; raises the refusal where no job is there that could make room."""
        now = time.monotonic()
        if not has_others and now - self.changed_at > REFUSED_SECONDS:
            raise refusal
        if (said := str(refusal)) != self.said:
            log.info("%d runs wait until the cluster takes more: %s", runs, said)
            self.said = said
        self.next_at = math.inf if has_others else now + RETRY_SECONDS

    def is_over(self) -> bool:
        """True when the cluster may be asked."""
        return time.monotonic() >= self.next_at


def _outcome(job: Job, cluster_job: ClusterJob) -> JobOutcome:
    """The outcome of a job; what the cluster says of a lost one is recorded as its failure."""
    try:
        return cluster_job.outcome()
    except Exception as error:
        message = " ".join(str(error).split())[:MAX_MESSAGE_LENGTH]
        name = "" if isinstance(error, WorkerLost) else f"{type(error).__name__}: "
        return failure_outcome(job, WorkerLost(f"{name}{message}"))
