"""How Lightning's further processes of a distributed fit start, and what they leave is cleaned."""

import importlib.util
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch.distributed

SECONDS_TO_END = 20  # for a process whose fit is over


@contextmanager
def workers(folder: Path) -> Iterator[None]:
    """Lets Lightning start its processes as `python -m lepton.worker FOLDER`, and cleans up after.

    Lightning starts the command line of the first process again, which would run a whole sweep
    in every process; it also leaves its process group and environment behind.
    """
    import __main__

    argv, spec, environment = sys.argv, __main__.__spec__, dict(os.environ)
    sys.argv = [argv[0], str(folder)]
    __main__.__spec__ = importlib.util.find_spec("lepton.worker")
    try:
        yield
    finally:
        _end_processes()
        sys.argv, __main__.__spec__ = argv, spec
        os.environ.clear()
        os.environ.update(environment)
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()


def _end_processes() -> None:
    """Waits for the processes of this fit, and ends Lightning's watch over them.

    The watch would kill this process, and the sweep with it, seconds after a run has failed.
    """
    for thread in threading.enumerate():
        if thread.name == "child-process-observer":
            processes, thread._child_processes = thread._child_processes, []
            for process in processes:
                try:
                    process.wait(SECONDS_TO_END)
                except subprocess.TimeoutExpired:  # hangs in a collective operation
                    process.kill()
                    process.wait()
