"""The most memory that a training took."""

import resource
import sys
from contextlib import suppress
from pathlib import Path

import torch

STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
MEGA = 1e6


def start() -> None:
    """Forgets the peak so far, where the system can."""
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    with suppress(OSError):
        CLEAR.write_text("5")


def peak(device: torch.device) -> float:
    """Units: megabytes; of the device on a GPU, else of this whole process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / MEGA
    with suppress(OSError, StopIteration):
        line = next(row for row in STATUS.read_text().splitlines() if row.startswith("VmHWM"))
        return int(line.split()[1]) * 1024 / MEGA
    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return size * (1 if sys.platform == "darwin" else 1024) / MEGA
