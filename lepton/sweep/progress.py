"""How far a sweep is: counts, one line that moves on a terminal, tables; and whether to go on."""

import logging
import sys
import threading
import time
from collections.abc import Iterable, Sized
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from lepton.storage.run_folder import RESULT_FILE, failed_folder, pruned_folder, read_failure
from lepton.storage.study import StudyTables
from lepton.sweep.attempt import CLAIMED, ENDED, FULL
from lepton.sweep.job import Job
from lepton.training import terminal_line


class SweepProgress:
    """Told by a launcher of each run that starts and ends, from any thread.

    `stopped` is why no further run may start, or empty; `elsewhere` are the jobs that another
    process had, and `claimed` what each had come to then.
    """

    def __init__(self, jobs: Sized, *, fail_fast: bool = False):
        self.total, self.fail_fast = len(jobs), fail_fast
        self.done = self.failed = 0
        self.running: dict[Path, Job] = {}
        self.elsewhere: list[Job] = []
        self.claimed: dict[Path, list[int]] = {}
        self.stopped = ""
        self.tables: dict[Path, StudyTables] = {}
        self.begun = time.monotonic()
        self.lock = threading.Lock()
        self.moving: _Line | None = None

    def __enter__(self) -> "SweepProgress":
        if self.total > 1 and sys.stderr.isatty():
            self.moving = _Line()
        return self

    def __exit__(self, *error) -> None:
        if self.moving:
            self.moving.close()
            self.moving = None
        for table in self.tables.values():
            table.refresh(at_once=True)

    def started(self, job: Job) -> None:
        with self.lock:
            self.running[job.folder] = job
            self._show()

    def ended(self, job: Job, kind: str = ENDED) -> None:
        """`kind` is a word of `sweep.attempt`; how the run went stands in its folder."""
        with self.lock:
            self.running.pop(job.folder, None)
            if kind == CLAIMED:
                self.elsewhere.append(job)
                self.claimed[job.folder] = ends(job)
            else:
                self._count(job, kind)
            self._show()

    def spare(self, count: int) -> None:
        """Told of runs that need no training after all."""
        with self.lock:
            self.total -= count
            self._show()

    def left(self, jobs: Iterable[Job]) -> None:
        """Told of runs that started and did not end: they will start again."""
        with self.lock:
            for job in jobs:
                self.running.pop(job.folder, None)

    def _count(self, job: Job, kind: str) -> None:
        failed = read_failure(job.folder) is not None or kind == FULL
        self.failed += failed
        self.done += not failed
        if kind == FULL:
            self.stopped = f"no space left on the disk of {job.folder.parent}"
        elif failed and self.fail_fast:
            self.stopped = "fail_fast: a run failed"
        study = job.folder.parent
        self.tables.setdefault(study, StudyTables(study)).refresh()

    def _show(self) -> None:
        if self.moving:
            self.moving.show(self)

    def time_left(self) -> float | None:
        """Seconds until the end, at the pace so far."""
        ended = self.done + self.failed
        pace = (time.monotonic() - self.begun) / ended if ended else None
        return pace and pace * (self.total - ended)

    def __str__(self) -> str:
        return f"{self.done} finished, {self.failed} failed, {len(self.running)} running"


def ends(job: Job) -> list[int]:
    """When what a run has come to was written: while this stays, it has come to nothing new."""
    kept = (job.folder / RESULT_FILE, failed_folder(job.folder), pruned_folder(job.folder))
    return [path.stat().st_mtime_ns for path in kept if path.exists()]


class _Line:
    """The line on a terminal; what is logged meanwhile appears above it."""

    def __init__(self):
        self.bar = Progress(
            BarColumn(), TextColumn("{task.description}"), console=Console(stderr=True)
        )
        self.bar.start()
        self.row, self.words = self.bar.add_task(""), ""
        log = logging.getLogger("lepton")
        self.handlers = [h for h in log.handlers if isinstance(h, logging.StreamHandler)]
        self.streams = [h.setStream(sys.stderr) for h in self.handlers]  # rich's own stderr by now
        terminal_line.of_sweep = self.tell

    def show(self, sweep: SweepProgress) -> None:
        running, left = len(sweep.running), sweep.time_left()
        words = [f"{sweep.done}/{sweep.total} done"]
        words += [f"{sweep.failed} failed"] if sweep.failed else []
        words += [f"{running} running"] if running > 1 else []
        words += [f"{_clock(left)} left"] if left else []
        self.words, ended = ", ".join(words), sweep.done + sweep.failed
        self.bar.update(self.row, total=sweep.total, completed=ended, description=self.words)

    def tell(self, epoch: str) -> None:
        """What the run of this process says of itself."""
        self.bar.update(self.row, description=f"{self.words}  {epoch}")

    def close(self) -> None:
        terminal_line.of_sweep = None
        self.bar.stop()
        for handler, stream in zip(self.handlers, self.streams, strict=True):
            if stream is not None:
                handler.setStream(stream)


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
