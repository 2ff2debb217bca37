"""What the launchers for other machines share: handing jobs over, and following them to their end.

The machines share the working directory, and see the study under the same path.
"""

import logging
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from lepton.errors import WorkerLost
from lepton.sweep.attempt import JobOutcome, attempt_job, failure_outcome, log_level
from lepton.sweep.job import Job
from lepton.sweep.progress import SweepProgress

log = logging.getLogger("lepton")
LOOK = 0.5  # seconds between two looks at the jobs of a cluster
OURS = "LEPTON_"


@dataclass(frozen=True)
class Place:
    """What a process on another machine takes over; nothing of the environment but lepton's own."""

    variables: dict[str, str]
    folder: str
    path: tuple[str, ...]


def place() -> Place:
    ours = {name: value for name, value in os.environ.items() if name.startswith(OURS)}
    return Place(ours, os.getcwd(), tuple(path or os.getcwd() for path in sys.path))


def train_there(job: Job, where: Place) -> JobOutcome:
    """What another machine does: one job, in its own process."""
    os.environ.update(where.variables)
    os.environ["SLURM_JOB_NAME"] = "bash"  # else Lightning takes over signals and processes
    os.chdir(where.folder)
    sys.path += [path for path in where.path if path not in sys.path]
    return attempt_job(job)


class Given(Protocol):
    """A job in the hands of a cluster."""

    def over(self) -> bool:
        """Whether it has ended, well or not."""

    def outcome(self) -> JobOutcome:
        """How the run went; raises when the cluster lost it."""

    def cancel(self) -> None:
        """Ends it, or takes it out of the queue."""


def follow(
    jobs: Sequence[Job],
    progress: SweepProgress,
    submit: Callable[[list[Job]], Sequence[Given]],
    *,
    at_once: int,
) -> None:
    """Hands over the jobs, at most so many at once, until all have ended or the sweep stops."""
    waiting, given, count = list(jobs), [], 0
    try:
        while given or (waiting and not progress.stop_reason):
            some = [] if progress.stop_reason else waiting[: at_once - len(given)]
            if some:
                given += zip(some, submit(some), strict=True)
                waiting = waiting[len(some) :]
            for job in some:
                progress.started(job)
            ended = [pair for pair in given if pair[1].over()]
            given = [pair for pair in given if pair not in ended]
            for job, handle in ended:
                outcome, count = _outcome(job, handle), count + 1
                log.log(log_level(outcome), "[%d/%d] %s: %s", count, len(jobs), job, outcome.line)
                progress.ended(job, outcome.kind)
            if not ended:
                time.sleep(LOOK)
    except BaseException:
        for _, handle in given:
            handle.cancel()
        raise


def _outcome(job: Job, handle: Given) -> JobOutcome:
    """How a job went; what the cluster says of a lost one is recorded as its failure."""
    try:
        return handle.outcome()
    except Exception as error:
        said = " ".join(str(error).split())[:500]
        name = "" if isinstance(error, WorkerLost) else f"{type(error).__name__}: "
        return failure_outcome(job, WorkerLost(f"{name}{said}"))
