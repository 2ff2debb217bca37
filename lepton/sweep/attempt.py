"""One attempt at a job of a sweep: whatever goes wrong is recorded, and told in a line."""

import logging
from dataclasses import dataclass

from lepton.errors import Claimed, LeptonError, Pruned
from lepton.storage.run_writing import record_failure
from lepton.sweep.job import Job

ENDED, CLAIMED, FULL, MEMORY = "ended", "claimed", "disk full", "out of memory"
NO_SPACE = (
    "no space left on",
    "no space to train",
    "os error 28",
)  # as libraries say ENOSPC without its number


@dataclass(frozen=True)
class JobOutcome:
    """How an attempt went: one of the words above, and the line to say about it."""

    kind: str
    line: str


def level(outcome: JobOutcome) -> int:
    """How loudly to say how an attempt went."""
    return logging.ERROR if outcome.line.startswith("failed") else logging.INFO


def attempt(job: Job) -> JobOutcome:
    """Trains one job in this process; whatever goes wrong is recorded in its study."""
    import torch

    from lepton.run import train_checked  # torch loads only once there is a run to train

    threads = torch.get_num_threads()
    try:
        return JobOutcome(ENDED, str(train_checked(job.config, job.folder, watch=job.watch)))
    except Claimed as claimed:
        return JobOutcome(CLAIMED, str(claimed))
    except Pruned as pruned:
        return JobOutcome(ENDED, str(pruned))
    except Exception as error:
        return lost(job, error, recorded=not isinstance(error, LeptonError))
    finally:
        torch.set_num_threads(threads)  # trainer.threads is this run's alone


def lost(job: Job, error: Exception, *, recorded: bool = False) -> JobOutcome:
    """Records why a job failed, where that has not been done, and what it means for the others."""
    line = f"failed: {type(error).__name__}: {' '.join(str(error).split())}"
    if _no_space(error):
        return JobOutcome(FULL, line)  # the run is not to blame, and there is no room to say so
    if not recorded:
        record_failure(job.folder, job.config, error)
    return JobOutcome(MEMORY if _no_memory(error) else ENDED, line)


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
