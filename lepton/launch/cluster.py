"""Hands jobs to other machines, and follows them to their end; shared by the cluster launchers.

The machines share the working directory, and see the study under the same path.
"""

import logging
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from lepton.errors import LeptonError, WorkerLost
from lepton.launch.cluster_pieces import Piece
from lepton.launch.stacks import Ends, ReasonByFolder
from lepton.storage.run_folder import read_failure
from lepton.storage.stack_records import StackRecords
from lepton.sweep.attempt import ENDED, JobOutcome, failure_outcome, log_level
from lepton.sweep.job import Job
from lepton.sweep.progress import SweepProgress, end_times
from lepton.training.tracker import prepare_databases

log = logging.getLogger("lepton")
RETRY_SECONDS = 5.0  # after which a cluster that refused is asked again, though no job has ended
REFUSED_SECONDS = 60.0  # for which it may refuse after the last job has ended
POLL_SECONDS = 0.5  # between two looks at the jobs of a cluster
MAX_MESSAGE_LENGTH = 500  # characters of what a cluster says of a lost job


class Refused(LeptonError):
    """The cluster takes no job for now, or none like these."""


class ClusterJob(Protocol):
    """A piece of a sweep in the hands of a cluster."""

    def has_ended(self) -> bool:
        """True when it has ended, well or not."""
        ...

    def outcome(self) -> tuple[Ends, ReasonByFolder]:
        """What `train_piece` returned; raises when the cluster lost it."""
        ...

    def cancel(self) -> None:
        """Ends it, or takes it out of the queue."""
        ...


def run_on_cluster(
    pieces: Sequence[Piece],
    progress: SweepProgress,
    submit: Callable[[list[Piece]], Sequence[ClusterJob]],
    *,
    at_once: int,
) -> None:
    """Hands over the pieces, at most so many at once, until all have ended or the sweep stops.

    `submit` returns the first of them alone, or raises Refused, where the cluster takes no more for
    now; it is asked again when a job has ended.
    Raises: Refused where it takes none, and no job is there that could make room.
    """
    prepare_databases([job.config for piece in pieces for job in piece.jobs])
    waiting, patience = list(pieces), _Patience()
    ends = _Ends(progress, runs=sum(len(piece.jobs) for piece in pieces))
    submitted: list[tuple[Piece, ClusterJob]] = []
    try:
        while submitted or (waiting and not progress.stop_reason):
            if patience.is_over() and not progress.stop_reason:
                batch = waiting[: at_once - len(submitted)]
                taken = _submit(batch, submit, patience, has_others=bool(submitted))
                submitted += zip(waiting, taken, strict=False)
                for piece in waiting[: len(taken)]:
                    ends.started(piece)
                waiting = waiting[len(taken) :]
            ended = [pair for pair in submitted if pair[1].has_ended()]
            submitted = [pair for pair in submitted if pair not in ended]
            for piece, cluster_job in ended:
                waiting += ends.ended(piece, cluster_job)
            if ended:
                patience.accepted()
            else:
                time.sleep(POLL_SECONDS)
    except BaseException:
        for _, cluster_job in submitted:
            cluster_job.cancel()
        raise


class _Ends:
    """Tells a sweep how its runs end, of `runs` that were handed over."""

    def __init__(self, progress: SweepProgress, *, runs: int):
        self.progress, self.runs, self.count = progress, runs, 0
        self.times_before: dict[Path, list[int]] = {}  # at which runs had ended before

    def started(self, piece: Piece) -> None:
        for job in piece.jobs:
            self.times_before[job.folder] = end_times(job)
            self.progress.started(job)

    def ended(self, piece: Piece, cluster_job: ClusterJob) -> list[Piece]:
        """Tells how the runs of a piece have ended; returns what is to be trained again."""
        try:
            ends, unstacked = cluster_job.outcome()
        except Exception as error:
            return self._lost(piece, _worker_lost(error))
        jobs = {job.folder: job for job in piece.jobs}
        for folder, kind, line in ends:
            self._tell(jobs[folder], kind, line)
        for reason in dict.fromkeys(reason for _, reason in unstacked):
            count = sum(other == reason for _, other in unstacked)
            log.info("one by one, %d of %d runs: %s", count, len(piece.jobs), reason)
        self.progress.put_back(jobs[folder] for folder, _ in unstacked)
        return [Piece((jobs[folder],)) for folder, _ in unstacked]

    def _lost(self, piece: Piece, error: WorkerLost) -> list[Piece]:
        """A run is recorded as failed; stacks are tried once more, and then their runs alone."""
        if piece.stacking is None:
            outcome = failure_outcome(piece.jobs[0], error)
            self._tell(piece.jobs[0], outcome.kind, outcome.line)
            return []
        left = [job for job in piece.jobs if end_times(job) == self.times_before[job.folder]]
        for job in piece.jobs:
            if job not in left:
                self._tell(job, ENDED, "")
        self.progress.put_back(left)
        if not left:
            return []
        last_words = "its runs are trained one by one" if piece.is_second_try else "once more"
        log.warning("%d runs, %s: %s; %s", len(piece.jobs), piece, error, last_words)
        if not piece.is_second_try:
            return [replace(piece, jobs=tuple(left), is_second_try=True)]
        runs = [job.folder.name for job in left]
        StackRecords(left[0].folder.parent).train_alone(runs, f"the job of its stack: {error}")
        return [Piece((job,)) for job in left]

    def _tell(self, job: Job, kind: str, line: str) -> None:
        self.count += 1
        if not line:  # of a run of a stack
            failure = read_failure(job.folder)
            line = f"failed: {failure['error']}" if failure else job.folder.name
        outcome = JobOutcome(kind, line)
        counts = self.count, self.runs
        log.log(log_level(outcome), "[%d/%d] %s", *counts, self.progress.told(job, outcome.line))
        self.progress.ended(job, kind, line)


def _worker_lost(error: Exception) -> WorkerLost:
    """What a cluster says of a job that it has lost, in a line."""
    message = " ".join(str(error).split())[:MAX_MESSAGE_LENGTH]
    name = "" if isinstance(error, WorkerLost) else f"{type(error).__name__}: "
    return WorkerLost(f"{name}{message}")


def _submit(
    batch: list[Piece],
    submit: Callable[[list[Piece]], Sequence[ClusterJob]],
    patience: "_Patience",
    *,
    has_others: bool,
) -> Sequence[ClusterJob]:
    """Hands over the pieces; returns those that were taken, the first ones.

    Raises: Refused, as `run_on_cluster`.
    """
    if not batch:
        return []
    try:
        taken = submit(batch)
    except Refused as e:
        runs = sum(len(piece.jobs) for piece in batch)
        patience.refused(e, runs, has_others=has_others)
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
