"""Identities of processes: by them one process tells whether another one still runs."""

import hashlib
import os
import re
import socket
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@dataclass(frozen=True)
class ProcessIdentity:
    """A process, told from every other one that was or will be, on any machine."""

    host: str
    machine: str  # stands for one start of the machine and one set of process numbers
    pid: int
    start: str  # when the process started, in a unit of the system's

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"


def this_process() -> ProcessIdentity:
    """The identity of the calling process."""
    pid = os.getpid()
    return ProcessIdentity(*_this_machine(), pid, _process_start(pid) or "0")


def is_on_this_machine(process: ProcessIdentity) -> bool:
    """True when this machine, since its last start, gave the process its number."""
    return (process.host, process.machine) == _this_machine()


def is_running(process: ProcessIdentity) -> bool:
    """True when a process of this machine has not ended, and its number is not another one's."""
    return _process_start(process.pid) == process.start


@cache
def _this_machine() -> tuple[str, str]:
    """The host's name, and a word that another start of it or another container has not."""
    host = re.sub(r"[^A-Za-z0-9.-]", "-", socket.gethostname()) or "unnamed"
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        pid_namespace = os.readlink("/proc/self/ns/pid")
    except OSError:
        return host, "0"
    return host, hashlib.sha256(f"{boot} {pid_namespace}".encode()).hexdigest()[:8]


def _process_start(pid: int) -> str | None:
    """The time at which a process of this machine started; None when it is gone.

    "0" for any process that is there, where the system does not tell.

    Units: clock ticks since the machine's start, as Linux tells them.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        if Path("/proc/self/stat").exists():
            return None
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return None
        except PermissionError:
            return "0"
        return "0"
    return None if fields[0] in "ZX" else fields[19]  # a zombie trains nothing
