"""The budget of a sweep: the time that it may use decides which runs are started."""

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from statistics import fmean
from time import monotonic

from lepton.errors import ConfigError
from lepton.sweep.drawing import setting_of
from lepton.sweep.job import Job
from lepton.values.time_span import as_clock, read_span

log = logging.getLogger("lepton")


def read_budget(value: object) -> float | None:
    """The seconds of a budget. Raises: ConfigError for what is no time above 0."""
    if value is None:
        return None
    if not (seconds := read_span(value)):
        why = "leaves no time" if seconds == 0 else "is no span of time"
        raise ConfigError(f"budget={value}: {why}; write budget=10m, 90s or 1h30m")
    if seconds < 0:
        raise ConfigError(f"budget={value}: is below 0; write budget=10m, 90s or 1h30m")
    return seconds


class Budget:
    """Says before runs start whether the time that is left suffices, by what like runs have cost.

    Like runs are those of the same setting, else of the same model; where none has ended, any time
    left suffices, as what other models took tells nothing of one that may be far cheaper. Runs that
    differ in the keys `together` alone are of use only all of them, so that one is started where
    the time suffices for those that are still to start.
    `spent` is what earlier sweeps of the same runs have used, `at_once` the runs that train at the
    same time, `not_started` the runs that were not allowed to start, each with the reason.
    Units: seconds.
    """

    def __init__(
        self,
        seconds: float,
        jobs: Iterable[Job],
        *,
        spent: float = 0.0,
        together: Sequence[str] = (),
        clock: Callable[[], float] | None = None,
    ):
        clock = clock or monotonic
        self.seconds, self.spent_before, self.together = seconds, spent, tuple(together)
        self.clock, self.begun_at, self.at_once = clock, clock(), 1
        self.to_start = Counter(map(self.set_of, jobs))
        self.costs: dict[str, list[float]] = {}  # by the setting, and by the model
        self.started: dict[Path, tuple[float, int]] = {}  # when, and how many runs at the same time
        self.not_started: dict[Path, tuple[Job, str]] = {}

    @property
    def spent(self) -> float:
        """The time that was used of it until now."""
        return self.spent_before + self.clock() - self.begun_at

    def allows(self, jobs: Sequence[Job]) -> bool:
        """True where runs may start, which they do at the same time, as one stack or alone."""
        if any(job.folder in self.not_started for job in jobs):
            return False
        left, seconds = self.seconds - self.spent, self.estimate(jobs)
        needed = self._needed(jobs, seconds)
        if left <= 0 or needed > left:
            reason = f"{self._words(jobs, seconds, needed)}{as_clock(max(0.0, left))} were left"
            self.not_started |= {job.folder: (job, reason) for job in jobs}
            return False
        if seconds:
            log.info("    %s%s left", self._words(jobs, seconds, needed), as_clock(left))
        self.to_start.subtract(map(self.set_of, jobs))
        self.started |= {job.folder: (self.clock(), len(jobs)) for job in jobs}
        return True

    def estimate(self, jobs: Sequence[Job]) -> float:
        """The time that runs take, by the mean of like ones; 0 where none has ended."""
        return sum(self._cost(job) for job in jobs)

    def ended(self, job: Job) -> None:
        """Notes what a run has cost since it was started."""
        if job.folder in self.started:
            started_at, runs = self.started.pop(job.folder)
            self.note_cost(job, (self.clock() - started_at) / runs)

    def note_cost(self, job: Job, seconds: float) -> None:
        """Notes what a run has cost."""
        for key in _likenesses(job):
            self.costs.setdefault(key, []).append(seconds)

    def _cost(self, job: Job) -> float:
        return next((fmean(self.costs[key]) for key in _likenesses(job) if key in self.costs), 0.0)

    def _needed(self, jobs: Sequence[Job], seconds: float) -> float:
        """The time until the runs, and those that are of use with them alone, have ended."""
        others = max(0, self.to_start[self.set_of(jobs[0])] - len(jobs))
        if len(jobs) > 1 or not others:
            return seconds
        rounds = -(-(others + 1) // self.at_once)
        return seconds * rounds

    def _words(self, jobs: Sequence[Job], seconds: float, needed: float) -> str:
        """What the runs are thought to take, before the time left is said."""
        if not seconds:
            return ""
        counts_with_others = self.together and self.to_start[self.set_of(jobs[0])] > 1
        more = f", {as_clock(needed)} with those it counts with" if counts_with_others else ""
        return f"about {as_clock(seconds)}{more}, "

    def set_of(self, job: Job) -> str:
        """What a run has in common with those that are of use with it alone."""
        if not self.together:
            return str(job.folder)
        words = (word.lstrip("+") for word in job.overrides)
        return " ".join(word for word in words if word.partition("=")[0] not in self.together)


def _likenesses(job: Job) -> tuple[str, str]:
    """Names of the runs that cost alike: of its setting, and of its model."""
    choices = job.config.get("choices") or {}
    return f"setting {setting_of(job.overrides)}", f"model {choices.get('model')}"
