"""What memory a training takes, and what is given back of it."""

import gc
import math
import resource
import sys
import time
from contextlib import suppress
from pathlib import Path

import torch
from torch import nn

from lepton.storage.scratch import release_memory

STATUS_FILE, CLEAR_FILE = Path("/proc/self/status"), Path("/proc/self/clear_refs")
MEGABYTE = 1e6
BATCHES_BETWEEN_TRIMS = 2
SECONDS_BETWEEN_PASSES = 0.1  # shorter epochs leave little, and a trim takes a millisecond
LARGE = 1_000_000  # parameters of trainings, whose leftovers are worth a look through all objects
_last_trim, _trained = -math.inf, 0


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


def free_earlier_trainings(module: nn.Module) -> None:
    """Frees what this process's trainings before have left; called before one of a module.

    Lightning's objects refer to each other, so that weights, gradients and averages wait for
    Python's collector, which counts objects and not bytes: a sweep would come to hold gigabytes.
    """
    global _trained
    if _trained >= LARGE:
        gc.collect()
        release_memory()
        _trained = 0
    _trained += sum(parameter.numel() for parameter in module.parameters())


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
