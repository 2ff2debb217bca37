"""Trains one job of a sweep; a failure is recorded in the study and becomes a line of the log."""

import logging
from dataclasses import dataclass

from lepton.errors import LeptonError, Locked, Pruned
from lepton.storage.files import is_disk_full
from lepton.storage.run_writing import record_failure
from lepton.sweep.evaluation import result_line
from lepton.sweep.job import Job

ENDED, LOCKED = "ended", "locked"  # kinds of outcomes; locked is a run of another process
DISK_FULL, OUT_OF_MEMORY = "disk full", "out of memory"
REFUSED = "refused"  # by a mistake of the user's: nothing is kept of the attempt


@dataclass(frozen=True)
class JobOutcome:
    """The end of an attempt: one of the kinds above, and the line to say about it."""

    kind: str
    line: str


def log_level(outcome: JobOutcome) -> int:
    """The level of logging to tell an outcome at."""
    return logging.ERROR if outcome.line.startswith(("failed", REFUSED)) else logging.INFO


def attempt_job(job: Job) -> JobOutcome:
    """Trains one job in this process; whatever goes wrong is recorded in its study."""
    import torch

    from lepton.run import train_checked  # torch loads only once there is a run to train

    threads = torch.get_num_threads()
    try:
        result = train_checked(job.config, job.folder, watch=job.watch)
        return JobOutcome(ENDED, result_line(job, result))
    except Locked as locked:
        return JobOutcome(LOCKED, str(locked))
    except Pruned as pruned:
        return JobOutcome(ENDED, str(pruned))
    except Exception as error:
        return failure_outcome(job, error, recorded=not isinstance(error, LeptonError))
    finally:
        torch.set_num_threads(threads)  # trainer.threads is this run's alone


def failure_outcome(job: Job, error: Exception, *, recorded: bool = False) -> JobOutcome:
    """The outcome of a job that failed; records why, where that has not been done.

    A mistake of the user's is not recorded: mended, the same command trains the run.
    """
    line = f"failed: {type(error).__name__}: {' '.join(str(error).split())}"
    if is_disk_full(error):
        return JobOutcome(DISK_FULL, line)  # the run is not to blame; no room to record it
    if isinstance(error, LeptonError) and error.exit_code == LeptonError.exit_code:
        return JobOutcome(REFUSED, f"{REFUSED}: {' '.join(str(error).split())}")
    if not recorded:
        record_failure(job.folder, job.config, error)
    return JobOutcome(OUT_OF_MEMORY if is_out_of_memory(error) else ENDED, line)


def is_out_of_memory(error: Exception) -> bool:
    """True when an error says that the memory, of the machine or of a GPU, does not suffice."""
    names = {kind.__name__ for kind in type(error).__mro__}  # torch's has one, and is not loaded
    is_memory_error = not names.isdisjoint(("MemoryError", "OutOfMemoryError"))
    return is_memory_error or "can't allocate" in str(error)
