"""The further processes of a distributed fit: how Lightning starts them, and their clean end."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch.distributed

from lepton.compat.lightning import end_further_processes, further_processes_run

SECONDS_TO_END = 20  # for a process whose fit is over


@contextmanager
def run_further_processes(folder: Path) -> Iterator[None]:
    """Lets Lightning start its processes as `python -m lepton.worker FOLDER`, and cleans up after.

    The command line of the first process would run a whole sweep in every process.
    """
    try:
        with further_processes_run("lepton.worker", str(folder)):
            try:
                yield
            finally:
                end_further_processes(SECONDS_TO_END)
    finally:
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()
