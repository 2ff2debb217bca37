"""The progress of a sweep: counts of its runs, its tables kept fresh, and whether it goes on."""

import threading
import time
from collections.abc import Iterable, Sized
from pathlib import Path

from lepton.storage.run_folder import RESULT_FILE, failed_folder, pruned_folder, read_failure
from lepton.storage.study import StudyTables
from lepton.sweep.attempt import DISK_FULL, ENDED, LOCKED, REFUSED
from lepton.sweep.budget import Budget
from lepton.sweep.job import Job
from lepton.sweep.progress_bar import ProgressBar
from lepton.training import terminal_line
from lepton.values.time_span import as_clock


class SweepProgress:
    """Hears from a launcher of each run that starts and ends, from any thread.

    `stop_reason` says why no further run may start, or is empty. `locked_jobs` are those that
    another process had, and `end_times_when_locked` the times at which each had ended till then;
    `refused` are runs that a mistake of the user's keeps from being trained, each with its reason.
    """

    def __init__(self, jobs: Sized, *, fail_fast: bool = False, budget: Budget | None = None):
        self.total, self.fail_fast = len(jobs), fail_fast
        self.done = self.failed = 0
        self.running: dict[Path, Job] = {}
        self.locked_jobs: list[Job] = []
        self.end_times_when_locked: dict[Path, list[int]] = {}
        self.refused: dict[Path, str] = {}
        self.stop_reason = ""
        self.tables: dict[Path, StudyTables] = {}
        self.started_at, self.budget = time.monotonic(), budget
        self.lock = threading.Lock()
        self.bar: ProgressBar | None = None

    def __enter__(self) -> "SweepProgress":
        if self.total > 1 and terminal_line.can_move():
            self.bar = ProgressBar()
        return self

    def __exit__(self, *error: object) -> None:
        if self.bar:
            self.bar.close()
            self.bar = None
        for tables in self.tables.values():
            tables.refresh(at_once=True)

    def may_start(self, *jobs: Job) -> bool:
        """True where the budget, if there is one, lets runs start, all at the same time.

        A launcher asks it before it starts them.
        """
        with self.lock:
            return self.budget is None or self.budget.allows(jobs)

    def at_once(self, runs: int) -> None:
        """Notes how many runs are about to train at the same time."""
        if self.budget is not None:
            self.budget.at_once = runs

    def started(self, job: Job) -> None:
        """Notes that a run has started."""
        with self.lock:
            self.running[job.folder] = job
            self._show()

    def ended(self, job: Job, kind: str = ENDED, line: str = "") -> None:
        """Notes that an attempt at a run has ended; the run's folder says how.

        `kind` and `line` are those of `lepton.sweep.attempt.JobOutcome`.
        """
        with self.lock:
            self.running.pop(job.folder, None)
            self.refused.pop(job.folder, None)
            if kind == REFUSED:
                self.refused[job.folder] = line.removeprefix(f"{REFUSED}: ")
            if kind == LOCKED:
                self.locked_jobs.append(job)
                self.end_times_when_locked[job.folder] = end_times(job)
            else:
                self._count(job, kind)
            self._show()

    def told(self, job: Job, line: str = "") -> str:
        """What is logged of a run: its words, but its name alone above a bar, where rows are few;
        `line` is what came of it."""
        if not self.bar:
            return f"{job}: {line}" if line else str(job)
        name = job.folder.name
        return line if line.startswith(name) else f"{name}: {line}" if line else name

    def skipped(self, count: int) -> None:
        """Notes that so many runs need no training after all."""
        with self.lock:
            self.total -= count
            self._show()

    def put_back(self, jobs: Iterable[Job]) -> None:
        """Notes that runs started and did not end: they will start again."""
        with self.lock:
            for job in jobs:
                self.running.pop(job.folder, None)

    def taken_back(self, job: Job) -> None:
        """Notes that a run ended in vain: what it left is about to be removed."""
        with self.lock:
            failed = read_failure(job.folder) is not None
            self.failed -= failed
            self.done -= not failed

    def _count(self, job: Job, kind: str) -> None:
        failed = kind in (DISK_FULL, REFUSED) or read_failure(job.folder) is not None
        self.failed += failed
        self.done += not failed
        if kind == DISK_FULL:
            self.stop_reason = f"no space left on the disk of {job.folder.parent}"
        elif failed and self.fail_fast:
            self.stop_reason = "fail_fast: a run failed"
        if self.budget is not None:
            self.budget.ended(job)
        study = job.folder.parent
        self.tables.setdefault(study, StudyTables(study)).refresh()

    def time_left(self) -> float | None:
        """Seconds until the end, at the pace so far."""
        ended = self.done + self.failed
        seconds_per_run = (time.monotonic() - self.started_at) / ended if ended else None
        return seconds_per_run and seconds_per_run * (self.total - ended)

    def _show(self) -> None:
        if not self.bar:
            return
        seconds_left = self.time_left()
        texts = [f"{self.done}/{self.total} done"]
        texts += [f"{self.failed} failed"] if self.failed else []
        texts += [f"{len(self.running)} running"] if len(self.running) > 1 else []
        if self.budget is not None:
            texts.append(f"{as_clock(self.budget.spent)} of {as_clock(self.budget.seconds)}")
        elif seconds_left:
            texts.append(f"{as_clock(seconds_left)} left")
        self.bar.show(", ".join(texts), completed=self.done + self.failed, total=self.total)

    def __str__(self) -> str:
        return f"{self.done} finished, {self.failed} failed, {len(self.running)} running"


def end_times(job: Job) -> list[int]:
    """The times at which a run ended, well or not; equal as long as it has not ended again.

    Units: nanoseconds.
    """
    folder = job.folder
    paths = (folder / RESULT_FILE, failed_folder(folder), pruned_folder(folder))
    return [path.stat().st_mtime_ns for path in paths if path.exists()]
