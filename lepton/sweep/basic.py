"""Hydra launcher: one run after the other in this process; a failure does not stop the rest."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from lepton.errors import Claimed, LeptonError, Pruned
from lepton.results import record_failure
from lepton.sweep.plan import Job
from lepton.sweep.progress import SweepProgress

log = logging.getLogger("lepton")
ENDED, CLAIMED, FULL, MEMORY = "ended", "claimed", "disk full", "out of memory"
NO_SPACE = (
    "no space left on",
    "no space to train",
    "os error 28",
)  # as libraries say ENOSPC without its number


@dataclass(frozen=True)
class Outcome:
    """How an attempt went: one of the words above, and the line to say about it."""

    kind: str
    line: str


class Basic:
    """Trains planned jobs in order."""

    def setup(self, *, hydra_context, task_function, config) -> None:
        pass

    def launch_jobs(self, jobs: Sequence[Job], progress: SweepProgress | None = None) -> None:
        progress = progress or SweepProgress(jobs)
        for job in jobs:
            if progress.stopped:
                break
            number = progress.done + progress.failed + 1
            log.info("[%d/%d] %s", number, progress.total, job)
            progress.started(job)
            outcome = attempt(job)
            log.log(level(outcome), "    %s", outcome.line)
            progress.ended(job, outcome.kind)


def level(outcome: Outcome) -> int:
    """How loudly to say how an attempt went."""
    return logging.ERROR if outcome.line.startswith("failed") else logging.INFO


def attempt(job: Job) -> Outcome:
    """Trains one job in this process; whatever goes wrong is recorded in its study."""
    import torch

    from lepton.run import train_checked  # torch loads only once there is a run to train

    threads = torch.get_num_threads()
    try:
        return Outcome(ENDED, str(train_checked(job.config, job.folder, watch=job.watch)))
    except Claimed as claimed:
        return Outcome(CLAIMED, str(claimed))
    except Pruned as pruned:
        return Outcome(ENDED, str(pruned))
    except Exception as error:
        return lost(job, error, recorded=not isinstance(error, LeptonError))
    finally:
        torch.set_num_threads(threads)  # trainer.threads is this run's alone


def lost(job: Job, error: Exception, *, recorded: bool = False) -> Outcome:
    """Records why a job failed, where that has not been done, and what it means for the others."""
    line = f"failed: {type(error).__name__}: {' '.join(str(error).split())}"
    if _no_space(error):
        return Outcome(FULL, line)  # the run is not to blame, and there is no room to say so
    if not recorded:
        record_failure(job.folder, job.config, error)
    return Outcome(MEMORY if _no_memory(error) else ENDED, line)


def _no_space(error: BaseException | None) -> bool:
    """Whether the disk is full: said anywhere in the chain of what led to the error."""
    seen: list[BaseException] = []
    while error is not None and error not in seen:  # a chain may lead back to itself
        if any(words in str(error).lower() for words in NO_SPACE):
            return True
        seen.append(error)
        error = error.__cause__ or error.__context__
    return False


def _no_memory(error: Exception) -> bool:
    return isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"
