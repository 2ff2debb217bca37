"""The budget of a sweep with what it has used so far, which its study keeps."""

import hashlib
import shlex
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from lepton.errors import LeptonError
from lepton.storage.results import finished_result
from lepton.storage.spent_time import SpentTime, keep_spent_time, spent_time
from lepton.sweep.budget import Budget
from lepton.sweep.job import Job
from lepton.values.time_span import as_clock

MOST_SHOWN = 40  # runs that were not started, by name


class KeptBudget(Budget):
    """A budget whose use is known again when the same sweep is started again."""

    def __init__(
        self, seconds: float, study: Path, sweep: str, jobs: Sequence[Job], together: Sequence[str]
    ):
        self.study, self.sweep = study, sweep
        trains_again = any(job.config["rerun"] for job in jobs)
        self.kept = SpentTime() if trains_again else spent_time(study, sweep)
        super().__init__(seconds, jobs, spent=self.kept.total, together=together)

    def recall(self, jobs: Iterable[Job]) -> None:
        """Notes what runs have cost that were finished before."""
        for job in jobs:
            seconds = self.kept.by_run.get(job.folder.name)
            if seconds is None:
                with suppress(LeptonError):  # of a run that is not finished, or cannot be read
                    seconds = finished_result(job.folder).seconds
            if seconds is not None:
                super().note_cost(job, seconds)

    def note_cost(self, job: Job, seconds: float) -> None:
        super().note_cost(job, seconds)
        self.kept.by_run[job.folder.name] = seconds
        self.keep()

    def keep(self) -> None:
        """Keeps what has been used of it."""
        self.kept.total = self.spent
        keep_spent_time(self.study, self.sweep, self.kept)

    def lines(self) -> list[str]:
        """What became of it: the time used, and the runs that were not started, by name."""
        used = f"budget: {as_clock(self.spent)} of {as_clock(self.seconds)} used"
        if not self.not_started:
            return [f"{used}; every run was started"]
        sets: dict[str, list[tuple[Job, str]]] = {}
        for job, reason in self.not_started.values():
            sets.setdefault(self.set_of(job), []).append((job, reason))
        shown = [f"  not started  {self._named(runs)}" for runs in [*sets.values()][:MOST_SHOWN]]
        if (more := len(sets) - MOST_SHOWN) > 0:
            status = shlex.join(["lepton", "sweep", "status", str(self.study)])
            shown.append(f"  and {more} more: {status}")
        count = len(self.not_started)
        head = f"{used}; {count} run{'' if count == 1 else 's'} not started"
        return [f"{head}; the same command with a larger budget goes on", *shown]

    def _named(self, runs: Sequence[tuple[Job, str]]) -> str:
        """Runs that belong together by name, and why they were not started."""
        job, reason = runs[0]
        if len(runs) == 1:
            return f"{job}: {reason}"
        if len(self.together) != 1:
            return f"{job} and {len(runs) - 1} more that count together: {reason}"
        (key,) = self.together
        start = f"{key}="
        words = [word.lstrip("+") for job, _ in runs for word in job.overrides]
        values = [word.removeprefix(start) for word in words if word.startswith(start)]
        together = f"{start}{','.join(values)}"
        shown = (together if word.startswith(start) else word for word in str(job).split(" "))
        return f"{' '.join(shown)}: {reason}"


def budget_of_grid(
    seconds: float, planned: Sequence[Job], to_do: Sequence[Job], together: Sequence[str]
) -> KeptBudget:
    """The budget of a grid of planned runs, which knows what those finished have cost."""
    names = "\n".join(sorted(job.folder.name for job in planned))
    sweep = hashlib.sha256(names.encode()).hexdigest()[:10]
    budget = KeptBudget(seconds, planned[0].folder.parent, sweep, to_do, together)
    to_train = {job.folder for job in to_do}
    budget.recall(job for job in planned if job.folder not in to_train)
    return budget
