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
