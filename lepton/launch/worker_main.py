"""Inside a worker process of the pool: how it begins, what it does with a job, how it ends."""

import logging
import os
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import parent_process
from multiprocessing.connection import Connection, wait
from threading import Thread

from lepton.sweep.attempt import JobOutcome, attempt_job
from lepton.sweep.job import Job
from lepton.training.signals import Interrupted

INTERRUPTED = "interrupted"
LOGGED = "\x1e"  # begins a line that lepton says, as against one that a user's code prints
GRACE = 20.0  # seconds in which a run that is told to end may save where it was


@dataclass(frozen=True)
class Surroundings:
    """What a worker shares with the process that started it."""

    environment: Mapping[str, str]
    folder: str
    path: tuple[str, ...]


def here(**environment: str) -> Surroundings:
    """This process's surroundings, with further environment variables."""
    return Surroundings({**os.environ, **environment}, os.getcwd(), tuple(sys.path))


def enter(surroundings: Surroundings) -> None:
    """Makes this process's surroundings those of another."""
    os.environ.clear()
    os.environ.update(surroundings.environment)
    os.chdir(surroundings.folder)
    sys.path[:] = surroundings.path


@contextmanager
def python_path() -> Iterator[None]:
    """Processes started meanwhile find the modules that this one finds."""
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(path or os.getcwd() for path in sys.path)
    try:
        yield
    finally:
        os.environ.pop("PYTHONPATH")
        if before is not None:
            os.environ["PYTHONPATH"] = before


def begin(writer: Connection, surroundings: Surroundings) -> None:
    """Called once in a worker: a session of its own, its output to the pipe, imports paid."""
    os.setsid()  # Ctrl-C in the terminal is the parent's; what is started here can be ended at once
    for number in (1, 2):
        os.dup2(writer.fileno(), number)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    enter(surroundings)
    Thread(target=_end_with_parent, daemon=True).start()
    _say_to_parent()
    import lepton.run  # noqa: F401


def _say_to_parent() -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_OneLine(f"{LOGGED}%(message)s"))
    handler.setLevel(logging.INFO)
    log = logging.getLogger("lepton")
    log.handlers, log.propagate = [handler], False
    log.setLevel(logging.INFO)


class _OneLine(logging.Formatter):
    """Every line of a message is one that lepton says."""

    def format(self, record: logging.LogRecord) -> str:
        return super().format(record).replace("\n", f"\n{LOGGED}")


def _end_with_parent() -> None:
    """A worker whose parent was killed saves where it was, if its run can, and ends."""
    wait([parent_process().sentinel])
    if callable(signal.getsignal(signal.SIGTERM)):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(GRACE)
    os.killpg(0, signal.SIGKILL)


def train(job: Job) -> JobOutcome:
    """What the pool has a worker do; one that is told to end says so, and takes no other job."""
    try:
        return attempt_job(job)
    except Interrupted as told:
        return JobOutcome(INTERRUPTED, str(told))


def gpus() -> int:
    """How many GPUs this process sees."""
    import torch

    return torch.cuda.device_count()
