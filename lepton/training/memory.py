"""The peak of memory that a training took."""

import math
import resource
import sys
import time
from contextlib import suppress
from pathlib import Path

import torch

from lepton.storage.scratch import release_memory

STATUS_FILE, CLEAR_FILE = Path("/proc/self/status"), Path("/proc/self/clear_refs")
MEGABYTE = 1e6
BATCHES_BETWEEN_TRIMS = 2
SECONDS_BETWEEN_PASSES = 0.1  # shorter epochs leave little, and a trim takes a millisecond
_last_trim = -math.inf


def reset_peak() -> None:
    """Forgets the peak so far, where the system can."""
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    with suppress(OSError):
        CLEAR_FILE.write_text("5")


def peak(device: torch.device) -> float:
    """The peak since `reset_peak`, of a GPU's own memory or else of this whole process.

    Units: megabytes.
    """
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / MEGABYTE
    with suppress(OSError, StopIteration):
        lines = STATUS_FILE.read_text().splitlines()
        peak_line = next(line for line in lines if line.startswith("VmHWM"))
        return int(peak_line.split()[1]) * 1024 / MEGABYTE
    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return size * (1 if sys.platform == "darwin" else 1024) / MEGABYTE


def trim_before_batch(batches_done: int) -> None:
    """Now and then gives freed memory back; called before each batch of a pass without gradients.

    What is kept of a batch lies between large tensors that are freed, and each hole is a little too
    small for the next one: a pass would come to hold many times the memory of a batch, beside what
    the training before it has left.
    """
    global _last_trim
    is_soon = time.monotonic() - _last_trim < SECONDS_BETWEEN_PASSES
    if batches_done % BATCHES_BETWEEN_TRIMS or (is_soon and not batches_done):
        return
    release_memory()
    _last_trim = time.monotonic()
