"""What campaigns of kills share: lepton's command in processes of its own, and what it left."""

import hashlib
import json
import multiprocessing
import os
import signal
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pandas as pd

from lepton.storage.digests import damaged_files
from lepton.storage.run_folder import STATE_SUFFIXES

ROOT = str(Path(__file__).resolve().parents[1])
MARK = "LEPTON_CAMPAIGN"  # environment variable of all that a command starts
COMMAND = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
os.setsid()
os.chdir(folder)
sys.path.insert(0, root)
os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
for number in (1, 2):
    os.dup2(os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644), number)
os.environ.update(environment)
sys.argv = ["lepton", *arguments]
from lepton.cli import main
sys.exit(main())
"""
SERVER = multiprocessing.get_context("forkserver")  # has imported torch, which costs seconds
PRELOADED = (
    *("lepton.run", "lepton.analysis.table", "lepton.sweep.grid", "lepton.launch.auto"),
    *("lepton.vectorize.job_group", "lepton.dataset.wine", "lepton.preprocessing.quantile"),
)
SERVER.set_forkserver_preload(list(PRELOADED))
VARIABLES = {"PYTHONPATH": ROOT, "OMP_NUM_THREADS": "1"}  # of the server and of what it starts
CHECKED = ("metrics", "score", "trained", "epochs", "best_epoch", "parameters", "rows")


class Command:
    """lepton's command in a process and a session of its own."""

    def __init__(self, *arguments: str, output: Path | None = None):
        self.mark, self.output = uuid.uuid4().hex, output or Path("output.txt").absolute()
        variables = {
            "arguments": arguments,
            "folder": os.getcwd(),
            "output": str(self.output),
            "environment": {MARK: self.mark, **VARIABLES},
            "root": ROOT,
        }
        self.process: BaseProcess = SERVER.Process(target=exec, args=(COMMAND, variables))
        self.output.unlink(missing_ok=True)
        self.started = time.monotonic()
        with patch.dict(os.environ, VARIABLES):
            self.process.start()

    def wait(self, seconds: float | None = None) -> int | None:
        """The exit code; None when it goes on after that time."""
        self.process.join(seconds)
        return self.process.exitcode

    def kill(self, number: int) -> None:
        """Sends a signal to the command alone."""
        with suppress(ProcessLookupError):
            assert self.process.pid is not None
            os.kill(self.process.pid, number)

    def processes(self) -> list[int]:
        """The processes that it has started and that have not ended, without itself."""
        wanted, found = f"{MARK}={self.mark}".encode(), []
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                state = (folder / "stat").read_text().rpartition(")")[2].split()[0]
                words = (folder / "environ").read_bytes().split(b"\0")
                if state != "Z" and wanted in words and int(folder.name) != self.process.pid:
                    found.append(int(folder.name))
        return found

    def processes_left(self, seconds: float) -> list[int]:
        """The processes that have not ended after that time; they are killed then."""
        deadline = time.monotonic() + seconds
        while (left := self.processes()) and time.monotonic() < deadline:
            time.sleep(0.2)
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return left


def run(*arguments: str, seconds: float = 600) -> int | None:
    """Runs the command to its end; returns the exit code."""
    return Command(*arguments).wait(seconds)


def bits(study: str) -> dict[str, dict[str, Any]]:
    """All of a study's finished runs that their configs decide, to the bit; no times."""
    return {path.parent.name: bits_of_run(path.parent) for path in finished(study)}


def finished(study: str) -> list[Path]:
    """The results of a study's finished runs, which have their names."""
    paths = Path("runs", study).glob("*/result.json")
    return sorted(path for path in paths if path.parent.suffix not in STATE_SUFFIXES)


def bits_of_run(folder: Path) -> dict[str, Any]:
    """A run's numbers, tables and files. Raises: an error of some kind for what is damaged."""
    if damaged := damaged_files(folder):
        raise ValueError("; ".join(damaged))
    result = json.loads((folder / "result.json").read_text())
    numbers: dict[str, Any] = {name: result.get(name) for name in CHECKED}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.suffix == ".parquet":
            frame = pd.read_parquet(path).drop(columns="seconds", errors="ignore")
            numbers[name] = {column: frame[column].to_numpy().tobytes() for column in frame}
        elif path.suffix == ".safetensors" or path.name == "spec.json":
            numbers[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return numbers


def identities(study: str) -> dict[str, tuple[int, int]]:
    """Of each finished run, what tells whether it was written again."""
    stats = {path.parent.name: path.stat() for path in finished(study)}
    return {run: (stat.st_ino, stat.st_mtime_ns) for run, stat in stats.items()}


def differing(first: dict[str, Any], second: dict[str, Any]) -> list[str]:
    """The names whose values differ in two mappings."""
    return [name for name in first.keys() & second.keys() if first[name] != second[name]]


@contextmanager
def working_in(folder: str | None) -> Iterator[None]:
    """Works in a folder, and comes back; in one that is removed then for None."""
    before = os.getcwd()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as temporary:
        os.makedirs(folder or temporary, exist_ok=True)
        os.chdir(folder or temporary)
        try:
            yield
        finally:
            os.chdir(before)
