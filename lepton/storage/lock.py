"""Claims: which process is training a run, told by a file in the run's unfinished folder.

The file's name says whose it is, so that taking over what a dead process left is one atomic
rename, which only one process can win. Its content is a counter that a thread of the owner raises:
by it, other machines tell a process that trains from one that is gone, whatever their clocks say.
"""

import hashlib
import logging
import os
import re
import socket
import threading
import time
import uuid
from contextlib import suppress
from dataclasses import astuple, dataclass
from functools import cache
from pathlib import Path

from lepton.errors import Claimed

log = logging.getLogger("lepton")
PREFIX = ".claim"
BEAT = 5.0  # seconds between two beats of an owner
SILENCE = 60.0  # seconds without a beat after which another machine's process counts as gone


@dataclass(frozen=True)
class Owner:
    """A process: host, start of the machine and its process numbers, number, its own start."""

    host: str
    place: str
    pid: int
    start: str

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"


def take(part: Path) -> Path:
    """Makes the unfinished folder of a run and claims it; returns the claim.

    Raises: Claimed while another process, or another thread of this one, trains the run.
    """
    while True:
        with suppress(FileExistsError):
            part.mkdir(parents=True)
        mine = part / "_".join([PREFIX, *map(str, astuple(this_process())), uuid.uuid4().hex[:12]])
        try:
            _place(mine)
        except FileNotFoundError:
            continue  # another process took it, or finished the run, at this moment
        found = claims(part)
        if mine not in found:  # finished at this moment, and renamed with this claim in it
            for stray in part.parent.glob(f"{part.stem}*/{mine.name}"):
                stray.unlink(missing_ok=True)
        elif found == [mine]:
            HEART.add(mine)
            return mine
        else:
            mine.unlink(missing_ok=True)  # whoever looks last gives way, so never both stay
            time.sleep(0.01 + 0.05 * os.urandom(1)[0] / 255)


def _place(mine: Path) -> None:
    """Puts a claim where there is none, or in the place of a dead one."""
    found = claims(mine.parent)
    for claim in found:
        if _alive(claim):
            run = mine.parent.name.removesuffix(".part")
            raise Claimed(f"{run}: {_owner(claim)} is training this run")
    if not found:
        mine.write_text(f"{HEART.beats}")
        return
    os.rename(found[0], mine)
    mine.write_text(f"{HEART.beats}")
    for claim in found[1:]:
        claim.unlink(missing_ok=True)


def claims(part: Path) -> list[Path]:
    return sorted(part.glob(f"{PREFIX}_*"))


def holder(part: Path) -> Owner | None:
    """Who trains the run of an unfinished folder, as far as one look can tell.

    A claim from another machine counts, though its process may be gone: that takes a minute to see.
    """
    for claim in claims(part):
        owner = _owner(claim)
        if not _is_here(owner) or _runs(owner):
            return owner
    return None


def check(mine: Path) -> None:
    """Raises: Claimed when another process took this claim over, thinking this one dead."""
    if not mine.exists():
        run = mine.parent.name.removesuffix(".part")
        raise Claimed(f"{run}: another process has taken this run over, because this one was still")


def guard(part: Path) -> None:
    """Raises: Claimed when a folder that this process writes into is another one's by now."""
    found = [claim.absolute() for claim in claims(part)]
    if found and not HEART.held.intersection(found):
        check(part / PREFIX)


def release(mine: Path) -> None:
    """Gives a claim back; the folder is free, and stays."""
    HEART.drop(mine)
    mine.unlink(missing_ok=True)


def _owner(claim: Path) -> Owner:
    host, place, pid, start, _ = claim.name.removeprefix(f"{PREFIX}_").split("_")
    return Owner(host, place, int(pid), start)


def this_process() -> Owner:
    pid = os.getpid()
    return Owner(*_machine(), pid, _started(pid) or "0")


@cache
def _machine() -> tuple[str, str]:
    """The host's name, and a word that another start of it or another container has not."""
    host = re.sub(r"[^A-Za-z0-9.-]", "-", socket.gethostname()) or "unnamed"
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        space = os.readlink("/proc/self/ns/pid")
    except OSError:
        return host, "0"
    return host, hashlib.sha256(f"{boot} {space}".encode()).hexdigest()[:8]


def _started(pid: int) -> str | None:
    """When a process of this machine started, in a unit of the system's; None when it is gone.

    Where the system does not tell, "0" for any process that is there.
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


def _is_here(owner: Owner) -> bool:
    return (owner.host, owner.place) == _machine()


def _runs(owner: Owner) -> bool:
    """Whether a process of this machine is still the one that made the claim."""
    return _started(owner.pid) == owner.start


def _alive(claim: Path) -> bool:
    owner = _owner(claim)
    return _runs(owner) if _is_here(owner) else _beats(claim, owner)


HEARD: dict[Owner, float] = {}  # when another machine's process was last seen to beat
SILENT: dict[Owner, str] = {}  # the last beat of those that went silent


def _beats(claim: Path, owner: Owner) -> bool:
    """Whether another machine's process beats; it is watched for up to `SILENCE` seconds.

    Units: seconds of this machine's monotonic clock; no clock of the other one is read.
    """
    first, began = claim.read_text(), time.monotonic()
    if SILENT.get(owner) == first:
        return False
    if began - HEARD.get(owner, -SILENCE) < SILENCE:
        return True
    log.info("%s: is %s still at it? %.0f s at most", claim.parent.name, owner, SILENCE)
    while time.monotonic() - began < SILENCE:
        time.sleep(min(1.0, BEAT / 5))
        if claim.read_text() != first:
            HEARD[owner] = time.monotonic()
            return True
    SILENT[owner] = first
    return False


class Heart:
    """One daemon thread that beats for all claims of this process."""

    def __init__(self):
        self.beats, self.held, self.lock = 0, set(), threading.Lock()
        self.thread: threading.Thread | None = None

    def add(self, claim: Path) -> None:
        with self.lock:
            self.held.add(claim.absolute())
            if self.thread is None:
                self.thread = threading.Thread(target=self._run, name="claims", daemon=True)
                self.thread.start()

    def drop(self, claim: Path) -> None:
        with self.lock:
            self.held.discard(claim.absolute())

    def forked(self) -> None:
        """A child process holds no claims, and has no thread."""
        self.held, self.lock, self.thread = set(), threading.Lock(), None

    def _run(self) -> None:
        while True:
            time.sleep(BEAT)
            with self.lock:
                if not self.held:
                    self.thread = None
                    return
                held, self.beats = list(self.held), self.beats + 1
            for claim in held:
                with suppress(OSError), claim.open("r+") as file:  # never makes one anew
                    file.write(f"{self.beats}")


HEART = Heart()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=HEART.forked)
