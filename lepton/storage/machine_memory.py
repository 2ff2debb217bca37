"""The memory of this machine, or the part of it that this process may use."""

import os
from contextlib import suppress
from pathlib import Path

GROUP_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def usable_memory() -> int:
    """The machine's memory, or the limit of this process's control group. Units: bytes."""
    limits = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    for path in GROUP_LIMITS:
        with suppress(OSError, ValueError):  # "max" is no number
            limits.append(int(Path(path).read_text()))
    return min(limits)


def memory_excess(size: float) -> str | None:
    """A size that the usable memory does not hold, and how much that is; None for one that fits.

    Units: bytes.
    """
    memory = usable_memory()
    return f"{size / 1e9:.0f} GB; this machine has {memory / 1e9:.0f}" if size > memory else None
