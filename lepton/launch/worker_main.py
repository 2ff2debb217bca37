"""Inside a worker process of the pool: how it begins, what it does with a job, how it ends."""

import logging
import os
import signal
import sys
import time
from io import TextIOWrapper
from multiprocessing import parent_process
from multiprocessing.connection import Connection, wait
from threading import Thread

from lepton.processes.environment import ProcessEnvironment
from lepton.sweep.attempt import JobOutcome, attempt_job
from lepton.sweep.job import Job
from lepton.training import terminal_line
from lepton.training.signals import Interrupted, interrupted_by_sigterm

INTERRUPTED = "interrupted"  # the kind of outcome of a run that was told to end
LOG_MARK = "\x1e"  # begins a line that lepton logs, as against one that a user's code prints
GRACE_SECONDS = 20.0  # in which a run that is told to end may save where it was


def begin_worker(writer: Connection, environment: ProcessEnvironment, has_line: bool) -> None:
    """Called once in a worker: a session of its own, its output to the pipe, imports paid.

    `has_line`: the parent has a line that moves, above which no run shall write how far it is.
    """
    os.setsid()  # Ctrl-C in the terminal is the parent's; what is started here can be ended at once
    for stream in (sys.stdout, sys.stderr):  # before a pipe takes a file's place, which has no tell
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)
    for descriptor in (1, 2):
        os.dup2(writer.fileno(), descriptor)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    environment.take_over()
    Thread(target=_end_with_parent, daemon=True).start()
    _log_to_parent()
    if has_line:
        terminal_line.hide_runs()
    import lepton.run  # noqa: F401


def _log_to_parent() -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_MarkedLines(f"{LOG_MARK}%(message)s"))
    handler.setLevel(logging.INFO)
    log = logging.getLogger("lepton")
    log.handlers, log.propagate = [handler], False
    log.setLevel(logging.INFO)


class _MarkedLines(logging.Formatter):
    """Marks every line of a message as one that lepton logs."""

    def format(self, record: logging.LogRecord) -> str:
        return super().format(record).replace("\n", f"\n{LOG_MARK}")


def _end_with_parent() -> None:
    """Ends a worker whose parent was killed, once its run, if it can, has saved where it was."""
    parent = parent_process()
    assert parent is not None
    wait([parent.sentinel])
    if callable(signal.getsignal(signal.SIGTERM)):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(GRACE_SECONDS)
    os.killpg(0, signal.SIGKILL)


def train_job(job: Job) -> JobOutcome:
    """Trains a job in a worker; one that is told to end says so, and takes no other job."""
    try:
        with interrupted_by_sigterm():
            return attempt_job(job)
    except Interrupted as interrupted:
        parent = parent_process()
        if parent is not None and not parent.is_alive():
            os.killpg(0, signal.SIGKILL)  # nobody else ends what the run has started
        return JobOutcome(INTERRUPTED, str(interrupted))


def count_gpus() -> int:
    """The number of GPUs that this process sees."""
    import torch

    return torch.cuda.device_count()
