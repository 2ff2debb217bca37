"""Heartbeats: counters in the lock files of runs, raised while the process that holds them lives.

By them a machine tells another machine's process that trains from one that is gone, whatever the
clocks of both say.
"""

import logging
import os
import threading
import time
from contextlib import suppress
from pathlib import Path

from lepton.storage.process_identity import ProcessIdentity
from lepton.storage.regular_files import open_regular

log = logging.getLogger("lepton")
BEAT_SECONDS = 5.0  # between two beats of a process
SILENCE_SECONDS = 60.0  # without a beat, after which another machine's process counts as gone


class Heartbeat:
    """One daemon thread that beats for all lock files that this process holds."""

    def __init__(self) -> None:
        self.count = 0
        self.held: set[Path] = set()
        self.lock = threading.Lock()
        self.thread: threading.Thread | None = None

    def add(self, lock_file: Path) -> None:
        """Begins to beat for a file."""
        with self.lock:
            self.held.add(lock_file.absolute())
            if self.thread is None:
                self.thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
                self.thread.start()

    def drop(self, lock_file: Path) -> None:
        """Beats for a file no longer."""
        with self.lock:
            self.held.discard(lock_file.absolute())

    def reset_in_child(self) -> None:
        """Makes a forked process one that holds no lock files, as it has no thread."""
        self.held, self.lock, self.thread = set(), threading.Lock(), None

    def _beat(self) -> None:
        while True:
            time.sleep(BEAT_SECONDS)
            with self.lock:
                if not self.held:
                    self.thread = None
                    return
                held, self.count = list(self.held), self.count + 1
            for lock_file in held:
                with suppress(OSError), lock_file.open("r+") as file:  # never makes one anew
                    file.write(f"{self.count}")


HEARTBEAT = Heartbeat()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=HEARTBEAT.reset_in_child)

LAST_HEARD: dict[ProcessIdentity, float] = {}  # when another machine's process was seen to beat
SILENT_AT: dict[ProcessIdentity, str] = {}  # the last counter of those that went silent


def is_beating(lock_file: Path, owner: ProcessIdentity) -> bool:
    """True when another machine's process beats; watches it for up to `SILENCE_SECONDS`.

    Units: seconds of this machine's monotonic clock; no clock of the other one is read.
    """
    counter, began = _counter(lock_file), time.monotonic()
    if SILENT_AT.get(owner) == counter:
        return False
    if began - LAST_HEARD.get(owner, -SILENCE_SECONDS) < SILENCE_SECONDS:
        return True
    run = lock_file.parent.name
    log.info("%s: is %s still at it? %.0f s at most", run, owner, SILENCE_SECONDS)
    while time.monotonic() - began < SILENCE_SECONDS:
        time.sleep(min(1.0, BEAT_SECONDS / 5))
        if _counter(lock_file) != counter:
            LAST_HEARD[owner] = time.monotonic()
            return True
    SILENT_AT[owner] = counter
    return False


def _counter(lock_file: Path) -> str:
    with open_regular(lock_file.parent, lock_file.name) as file:
        return file.read().decode(errors="replace")
