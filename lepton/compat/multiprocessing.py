"""Processes of multiprocessing that do not run their parent's main module again."""

import multiprocessing
import os
import signal
import sys
import threading
import types
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import forkserver
from typing import Any

# A server that has imported torch, and no thread of torch's, forks processes in milliseconds.
START_METHOD = "forkserver" if sys.platform == "linux" else "spawn"
_start_method = multiprocessing.get_context(START_METHOD)
_main_lock = threading.Lock()
QUIET = "lepton.compat.quiet_fork_server"  # which a server imports first, to say no more than ends


class ProcessWithoutMain(_start_method.Process):
    """A process that imports what it is given to do, and nothing of its parent's main module.

    No public way: a child of any start method but fork imports its parent's script or notebook,
    which would run in every worker. Tried: Python 3.11.
    """

    @staticmethod
    def _Popen(process: "ProcessWithoutMain"):
        with _without_main_module():
            return _start_method.Process._Popen(process)


class WorkerContext(type(_start_method)):
    """A context of multiprocessing, as pools take it, with the processes above."""

    Process = ProcessWithoutMain


def start_fork_server(modules: Sequence[str]) -> None:
    """Starts the server that forks the processes, with these modules imported.

    Does nothing where processes are not forked by one.

    No public way: multiprocessing starts it with the first process, under the parent's main
    module. Tried: Python 3.11.
    """
    if START_METHOD != "forkserver":
        return
    _start_method.set_forkserver_preload([QUIET, *modules])
    with _without_main_module(), _without_stop_signals():
        forkserver.ensure_running()


def stop_fork_server() -> None:
    """Ends the server at once, whatever it imports meanwhile: who waits for its process stops.

    Who is just asking it for a process starts another server, which is to import nothing else.

    No public way: multiprocessing's own end waits until the server has imported its modules.
    Tried: Python 3.11.
    """
    server: Any = forkserver._forkserver
    if server._forkserver_pid is not None:
        _start_method.set_forkserver_preload([QUIET])
        with suppress(ProcessLookupError):
            os.kill(server._forkserver_pid, signal.SIGKILL)
        server._stop()


@contextmanager
def _without_stop_signals() -> Iterator[None]:
    """Keeps Ctrl-C, which a terminal sends to all, from the processes that are started meanwhile.

    This process hears it at the end, and SIGTERM too: by then it knows which process to end.
    """
    came: list[int] = []
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    if threading.current_thread() is not threading.main_thread():
        handlers.clear()  # of the main thread's, which alone runs them
    handlers = {number: handler for number, handler in handlers.items() if callable(handler)}
    for number in handlers:  # a mask alone holds nothing back that another thread may take
        signal.signal(number, lambda number, _: came.append(number))
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        for number, handler in handlers.items():
            signal.signal(number, handler)
        for number in came:
            signal.raise_signal(number)


@contextmanager
def _without_main_module() -> Iterator[None]:
    """Hides the main module from multiprocessing, which looks for it in sys.modules."""
    with _main_lock:
        main_module = sys.modules["__main__"]
        sys.modules["__main__"] = types.ModuleType("__main__")
        try:
            yield
        finally:
            sys.modules["__main__"] = main_module
