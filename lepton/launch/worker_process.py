"""A place in the pool: one warm worker process at a time, its surroundings, what it says."""

import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from typing import Any

from pebble import ProcessExpired, ProcessPool

from lepton.compat.multiprocessing import WorkerContext, start_fork_server
from lepton.errors import LeptonError, TimedOut, WorkerLost
from lepton.launch.worker_main import GRACE, LOGGED, Surroundings, begin, python_path

WARM = ("lepton.run", "lepton.dataset.tabular", "lepton.preprocessing.table", "sklearn.ensemble")
TICK = 0.2  # seconds between two looks at a worker's life
TO_START = 300.0  # seconds that a worker may take to import torch
LAST_WORDS = 20  # lines of a lost worker that its failure keeps


class Slot:
    """Runs functions in a worker of its own, which is replaced when it dies.

    `heard` is called with each whole line that the worker writes, and whether lepton said it.
    """

    def __init__(self, surroundings: Surroundings, heard: Callable[["Slot", str, bool], None]):
        self.surroundings, self.heard = surroundings, heard
        self.context = WorkerContext()
        self.reader, self.writer = self.context.Pipe(duplex=False)
        self.pool: ProcessPool | None = None
        self.pid: int | None = None
        self.busy = False
        self.last: deque[str] = deque(maxlen=LAST_WORDS)
        self.listener = threading.Thread(target=self._listen, daemon=True)
        self.listener.start()

    def _listen(self) -> None:
        with open(self.reader.fileno(), errors="replace", closefd=False) as lines:
            for line in lines:
                text = line.rstrip("\n")
                logged = text.startswith(LOGGED)
                self.last.append(text.removeprefix(LOGGED))
                if text:
                    self.heard(self, text.removeprefix(LOGGED), logged)

    def open(self) -> None:
        """Waits until there is a worker, which has imported what training needs.

        Raises: LeptonError when it cannot start.
        """
        for fresh in (self.pool is None, True):
            if self.pool is None:
                given = (self.writer, self.surroundings)
                self.pool = ProcessPool(
                    max_workers=1, initializer=begin, initargs=given, context=self.context
                )
            try:
                self.pid = self.pool.schedule(os.getpid).result(TO_START)
                return
            except (OSError, TimeoutError, RuntimeError) as error:
                said = self.last[-1] if self.last else type(error).__name__
                self.kill()
                if fresh:  # an old one may have been killed while it had nothing to do
                    raise LeptonError(f"a worker process could not start: {said}") from None

    def do(self, function: Callable, *given: Any, timeout: float | None = None) -> Any:
        """What the function returns in the worker.

        Raises: WorkerLost when the worker died on it; TimedOut when it took too long and was
            ended with all that it had started.
        """
        self.open()
        self.last.clear()
        self.busy = True
        try:
            return self._result(self.pool.schedule(function, args=given), timeout)
        finally:
            self.busy = False

    def _result(self, future: Future, timeout: float | None) -> Any:
        started, missing = time.monotonic(), 0
        while True:
            try:
                return future.result(TICK)
            except TimeoutError:
                missing = 0 if _alive(self.pid) else missing + 1
                if missing > 2:  # an exit with code 0 is none that pebble reports
                    raise self._lost(0) from None
                if timeout is not None and time.monotonic() - started > timeout:
                    self.kill()
                    raise TimedOut(f"timed out after {timeout:g} s") from None
            except ProcessExpired as gone:
                raise self._lost(gone.exitcode) from None
            except BrokenProcessPool:
                raise self._lost(None) from None
            except BaseException as error:  # the worker was told to end
                raise self._lost(f"ended by {type(error).__name__}") from None

    def _lost(self, how: int | str | None) -> WorkerLost:
        words = list(self.last)
        self.kill()
        error = WorkerLost(f"the process that trained it {_ending(how)}")
        if words:
            error.add_note("Its last words:\n" + "\n".join(words))
        return error

    def tell_to_end(self) -> None:
        """SIGTERM: what trains may save where it was."""
        if self.pid is not None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGTERM)

    def kill(self) -> None:
        """Ends the worker and whatever it has started."""
        if self.pid is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)
        self._stop()

    def _stop(self) -> None:
        pool, self.pool, self.pid = self.pool, None, None
        if pool is not None:
            pool.stop()
            pool.join()

    def close(self) -> None:
        """Ends the worker, and hears its last words."""
        self.kill()
        self.writer.close()
        self.listener.join(1)
        if not self.listener.is_alive():
            self.reader.close()


def end(slots: list[Slot]) -> None:
    """Tells all workers to end, and ends those that have not after a while."""
    for slot in slots:
        slot.tell_to_end()
    deadline = time.monotonic() + GRACE
    try:
        while time.monotonic() < deadline and any(s.busy and _alive(s.pid) for s in slots):
            time.sleep(TICK / 2)
    finally:
        for slot in slots:
            slot.kill()


def _alive(pid: int | None) -> bool:
    if pid is None:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _ending(how: int | str | None) -> str:
    if isinstance(how, str):
        return f"was {how}"
    if how is None:
        return "died"
    if how >= 0:
        return f"exited with code {how}"
    names = {number.value: number.name for number in signal.Signals}
    return f"was killed by {names.get(-how, f'signal {-how}')}"


def warm_up() -> None:
    """Starts the server that forks workers, on this process's own lepton."""
    with python_path():
        start_fork_server(WARM)
