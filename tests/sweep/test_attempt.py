"""How an attempt at a job ended: a full disk and memory that ran out are told from failures."""

import errno
import os
from pathlib import Path

import pytest
import torch

from lepton.errors import LeptonError
from lepton.storage.files import is_disk_full
from lepton.storage.run_writing import writing_run
from lepton.sweep.attempt import DISK_FULL, ENDED, OUT_OF_MEMORY, failure_outcome
from lepton.sweep.job import Job

RUN_FOLDER = Path("runs/default/run")


def number_error(number):
    return OSError(number, os.strerror(number))


def outcome_kind(error):
    return failure_outcome(Job((), {}, RUN_FOLDER), error).kind


def error_while_writing(error):
    """What a run of a sweep ends with when this is raised while its folder is written."""
    with pytest.raises((LeptonError, type(error))) as raised, writing_run(RUN_FOLDER):
        raise error
    return raised.value


@pytest.mark.parametrize(
    "error",
    [
        number_error(errno.ENOSPC),
        number_error(errno.EDQUOT),
        OSError("No space left on device"),
        OSError("IOError: Disk quota exceeded"),
        Exception("I/O error: No space left on device (os error 28)"),
        Exception("os error 28"),
    ],
    ids=str,
)
@pytest.mark.parametrize("is_wrapped", [False, True])
def test_a_full_disk_ends_a_run_without_a_record_and_stops_its_sweep(here, error, is_wrapped):
    if is_wrapped:
        cause, error = error, RuntimeError("the weights cannot be written")
        error.__context__ = cause
    raised = error_while_writing(error)
    assert isinstance(raised, LeptonError)
    assert is_disk_full(raised)
    assert outcome_kind(error) == outcome_kind(raised) == DISK_FULL
    assert not RUN_FOLDER.parent.exists()


def test_a_quota_that_leaves_no_room_for_a_runs_folder_stops_the_sweep(here, monkeypatch):
    def full(folder):
        raise number_error(errno.EDQUOT)

    monkeypatch.setattr("lepton.storage.namesakes.acquire_lock", full)
    with pytest.raises(LeptonError, match="cannot write to runs/default") as raised:
        writing_run(RUN_FOLDER).__enter__()
    assert outcome_kind(raised.value) == DISK_FULL


def test_an_announced_lack_of_space_is_a_full_disk(here):
    assert outcome_kind(LeptonError("1 MB are free: no space to train this run")) == DISK_FULL


def test_any_other_error_is_recorded_and_the_sweep_goes_on(here):
    first = OSError(errno.EACCES, "Permission denied")
    first.__context__ = second = RuntimeError("no luck")
    second.__context__ = first  # a chain that leads back to itself
    assert error_while_writing(first) is first
    assert outcome_kind(first) == ENDED
    assert Path("runs/default/run.failed/failure.json").is_file()


def test_an_interruption_while_a_full_disk_is_handled_stays_one(here):
    interruption = KeyboardInterrupt()
    interruption.__context__ = number_error(errno.ENOSPC)
    with pytest.raises(KeyboardInterrupt), writing_run(RUN_FOLDER):
        raise interruption


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_memory_that_ran_out_is_told_from_a_failure(here, error):
    assert outcome_kind(error) == OUT_OF_MEMORY
