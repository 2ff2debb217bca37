"""The parent's side of a worker process: starts it, sends it jobs, reads results, ends it."""

import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from typing import Any

from pebble import ProcessExpired, ProcessPool

from lepton.compat.multiprocessing import WorkerContext, start_fork_server, stop_fork_server
from lepton.errors import LeptonError, TimedOut, WorkerLost
from lepton.launch.worker_main import GRACE_SECONDS, LOG_MARK, begin_worker
from lepton.processes.environment import ProcessEnvironment, exported_python_path
from lepton.training import terminal_line

PRELOADED = (  # modules that workers share with the server that forks them
    *("lepton.run", "lepton.dataset.tabular", "lepton.preprocessing.table"),
    "sklearn.ensemble",
)
POLL_SECONDS = 0.2  # between two looks at a worker's life
START_SECONDS = 300.0  # that a worker may take to import torch
MAX_LAST_LINES = 20  # of a lost worker's output that its failure keeps


class WorkerProcess:
    """Runs functions in a worker of its own, which is replaced when it dies.

    `on_line` is called with each whole line that the worker writes, and whether lepton logged it.
    """

    def __init__(
        self,
        environment: ProcessEnvironment,
        on_line: Callable[["WorkerProcess", str, bool], None],
    ):
        self.environment, self.on_line = environment, on_line
        self.context = WorkerContext()
        self.reader, self.writer = self.context.Pipe(duplex=False)
        self.pool: ProcessPool | None = None
        self.pid: int | None = None
        self.busy = False
        self.stopping = threading.Lock()
        self.last_lines: deque[str] = deque(maxlen=MAX_LAST_LINES)
        self.listener = threading.Thread(target=self._listen, daemon=True)
        self.listener.start()

    def _listen(self) -> None:
        with open(self.reader.fileno(), encoding="utf-8", errors="replace", closefd=False) as lines:
            for line in lines:
                text = line.rstrip("\n")
                is_logged = text.startswith(LOG_MARK)
                self.last_lines.append(text.removeprefix(LOG_MARK))
                if text:
                    self.on_line(self, text.removeprefix(LOG_MARK), is_logged)

    def open(self) -> None:
        """Waits until there is a worker, which has imported what training needs.

        Raises: LeptonError when it cannot start.
        """
        for is_new in (self.pool is None, True):
            if self.pool is None:
                self.pool = ProcessPool(
                    max_workers=1,
                    initializer=begin_worker,
                    initargs=(self.writer, self.environment, terminal_line.can_move()),
                    context=self.context,
                )
            try:
                self.pid = self.pool.schedule(os.getpid).result(START_SECONDS)
                return
            except (OSError, EOFError, TimeoutError, RuntimeError) as error:
                reason = self.last_lines[-1] if self.last_lines else type(error).__name__
                self.kill()
                if is_new:  # an old one may have been killed while it had nothing to do
                    raise LeptonError(f"a worker process could not start: {reason}") from None

    def call(self, function: Callable, *arguments: Any, timeout: float | None = None) -> Any:
        """Calls a function in the worker; returns what it returns there.

        Units: `timeout` is in seconds.

        Raises: WorkerLost when the worker died on it; TimedOut when it took too long and was
            ended with all that it had started.
        """
        self.open()
        assert self.pool is not None
        self.last_lines.clear()
        self.busy = True
        try:
            return self._result(self.pool.schedule(function, args=arguments), timeout)
        finally:
            self.busy = False

    def _result(self, future: Future, timeout: float | None) -> Any:
        started, polls_dead = time.monotonic(), 0
        while True:
            try:
                return future.result(POLL_SECONDS)
            except TimeoutError:
                polls_dead = 0 if _is_alive(self.pid) else polls_dead + 1
                if polls_dead > 2:  # an exit with code 0 is none that pebble reports
                    raise self._lost(0) from None
                if timeout is not None and time.monotonic() - started > timeout:
                    self.kill()
                    raise TimedOut(f"timed out after {timeout:g} s") from None
            except ProcessExpired as expired:
                raise self._lost(expired.exitcode) from None
            except BrokenProcessPool:
                raise self._lost(None) from None
            except BaseException as error:  # the worker was told to end
                raise self._lost(f"ended by {type(error).__name__}") from None

    def _lost(self, cause: int | str | None) -> WorkerLost:
        last_lines = list(self.last_lines)
        self.kill()
        error = WorkerLost(f"the process that trained it {_describe_end(cause)}")
        if last_lines:
            error.add_note("Its last words:\n" + "\n".join(last_lines))
        return error

    def terminate(self) -> None:
        """Sends SIGTERM: what trains may save where it was."""
        if self.pid is not None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGTERM)

    def kill(self) -> None:
        """Ends the worker and whatever it has started."""
        if self.pid is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)
        self._stop_pool()

    def _stop_pool(self) -> None:
        """Ends the pool; again where a signal came in between, and in one thread at a time."""
        with self.stopping:
            if self.pool is not None:
                with suppress(OSError):  # of what was closed the first time
                    self.pool.stop()
                    self.pool.join()
                self.pool = self.pid = None

    def close(self) -> None:
        """Ends the worker, and hears its last lines."""
        self.kill()
        self.writer.close()
        self.listener.join(1)
        if not self.listener.is_alive():
            self.reader.close()


def end_workers(workers: Sequence[WorkerProcess]) -> None:
    """Tells all workers to end, and ends those that have not after a while."""
    for worker in workers:
        worker.terminate()
    if not workers or any(worker.pid is None for worker in workers):  # it may still import
        stop_fork_server()
    deadline = time.monotonic() + GRACE_SECONDS
    try:
        while time.monotonic() < deadline and any(w.busy and _is_alive(w.pid) for w in workers):
            time.sleep(POLL_SECONDS / 2)
    finally:
        for worker in workers:
            worker.kill()


def _is_alive(pid: int | None) -> bool:
    if pid is None:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _describe_end(cause: int | str | None) -> str:
    """The end of a process in words: by its exit code, by a word, or for no known cause."""
    if isinstance(cause, str):
        return f"was {cause}"
    if cause is None:
        return "died"
    if cause >= 0:
        return f"exited with code {cause}"
    names = {number.value: number.name for number in signal.Signals}
    return f"was killed by {names.get(-cause, f'signal {-cause}')}"


def start_worker_server() -> None:
    """Starts the server that forks workers, on this process's own lepton."""
    with exported_python_path():
        start_fork_server(PRELOADED)
