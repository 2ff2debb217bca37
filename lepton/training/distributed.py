"""The further processes of a distributed fit: how Lightning starts them, and their clean end."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import torch.distributed

from lepton.compat.lightning import end_further_processes, further_processes_run
from lepton.errors import WorkerLost
from lepton.processes.environment import exported_python_path
from lepton.storage.run_folder import CONFIG_FILE, finished_folder, read_config
from lepton.storage.run_writing import record_failure

log = logging.getLogger("lepton")
SECONDS_TO_END = 20  # for a process whose fit is over


@contextmanager
def run_further_processes(folder: Path) -> Iterator[None]:
    """Lets Lightning start its processes as `python -m lepton.worker FOLDER WORKING_DIRECTORY`, and
    cleans up after.

    The command line of the first process would run a whole sweep in every process. A fit that does
    not notice that one of them has failed, as while it waits for all to begin, ends with this
    process, and says so.

    Raises: WorkerLost where the fit ends because one of them was killed.
    """
    killed, on_lost = "", partial(_tell, folder)
    try:
        with (
            exported_python_path(),
            further_processes_run("lepton.worker", str(folder), os.getcwd(), on_lost=on_lost),
        ):
            try:
                yield
            finally:
                killed = end_further_processes(SECONDS_TO_END)
    except Exception as error:
        if killed:
            raise WorkerLost(f"{killed}, and the others cannot go on without it") from error
        raise
    finally:
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()


def _tell(folder: Path, lost: str) -> None:
    """Records and says why this process ends, whose main thread waits for one that has gone."""
    error = WorkerLost(f"{lost}, and the others cannot go on without it")
    record_failure(finished_folder(folder), read_config(folder / CONFIG_FILE), error)
    log.error("%s: %s", folder, error)
