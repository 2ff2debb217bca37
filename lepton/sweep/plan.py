"""The plan of a sweep: its runs, composed and checked before the first starts."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from hydra.core.config_loader import ConfigLoader
from omegaconf import DictConfig

from lepton.config.data_identity import folders_looked_at_once
from lepton.config.idle_keys import idle_values
from lepton.errors import ConfigError, LeptonError
from lepton.storage.results import read_result
from lepton.storage.run_folder import run_status
from lepton.sweep.composer import JobComposer
from lepton.sweep.expansion import Expansion
from lepton.sweep.grid_jobs import GridJobs
from lepton.sweep.grid_options import REFUSE, GridOptions
from lepton.sweep.job import Job
from lepton.sweep.then import refuse_without_test

TO_DO = "to do"
UNREADABLE = "unreadable"  # finished, and its result is not what was written
SETTLED = (UNREADABLE, "finished", "diverged")  # statuses that the same run would come to again


@dataclass(frozen=True)
class SweepPlan:
    """The distinct runs of a sweep, in order, and how many combinations meant them."""

    jobs: list[Job]
    combinations: int
    retry_failed: bool = True
    notes: tuple[str, ...] = ()  # lines on what of the grid is no run, and why
    impossible: str = REFUSE  # or SKIP: what is done with runs that cannot be trained here

    @cached_property
    def statuses(self) -> list[str]:
        """The status of each job when first asked: finished, unreadable, failed, ..., to do."""
        return [_status(job.folder) for job in self.jobs]

    @cached_property
    def to_do(self) -> list[Job]:
        """The jobs to train; one that runs elsewhere is among them, in case its process dies."""
        pairs = zip(self.jobs, self.statuses, strict=True)
        return [job for job, status in pairs if self._is_to_train(job, status)]

    @property
    def finished(self) -> list[Job]:
        """The jobs of which there is a finished run."""
        pairs = zip(self.jobs, self.statuses, strict=True)
        return [job for job, status in pairs if status == "finished"]

    def _is_to_train(self, job: Job, status: str) -> bool:
        if job.config["rerun"]:
            return True
        if status == "pruned":
            return job.watch is None
        return status not in SETTLED and (status != "failed" or self.retry_failed)

    def __str__(self) -> str:
        runs, doubled = len(self.jobs), self.combinations - len(self.jobs)
        same = (
            f" ({self.combinations} combinations, {doubled} mean the same run)" if doubled else ""
        )
        to_do = {job.folder for job in self.to_do}
        pairs = [*zip(self.jobs, self.statuses, strict=True)]
        settled = Counter(status for job, status in pairs if job.folder not in to_do)
        elsewhere = sum(status == "running" for _, status in pairs)
        retried = sum(status == "failed" for job, status in pairs if job.folder in to_do)
        counts = [f"{settled.pop('finished', 0)} finished"]
        counts += [f"{count} {status}" for status, count in sorted(settled.items())]
        counts += [f"{elsewhere} running in another process"] if elsewhere else []
        counts += [f"{len(to_do) - elsewhere} to train"]
        counts += [f"{retried} of them after a failure"] if retried else []
        head = f"{runs} {'run' if runs == 1 else 'runs'}{same}: {', '.join(counts)}"
        return "\n".join([head, *self.notes])


def _status(folder: Path) -> str:
    status = run_status(folder)
    return UNREADABLE if status == "finished" and why_unreadable(folder) else status


def why_unreadable(folder: Path) -> str:
    """What keeps the result of a finished run from being read; nothing where it can be."""
    try:
        read_result(folder)
    except LeptonError as e:
        return str(e)
    return ""


def plan_grid(
    master: DictConfig,
    loader: ConfigLoader,
    options: GridOptions,
    overrides: Sequence[str],
    *,
    retry_failed: bool = True,
) -> SweepPlan:
    """The plan of the combinations of an experiment's own sweep and of the overrides.

    Raises: ConfigError with the mistakes of all jobs.
    """
    expansion = Expansion(JobComposer(master, loader), options, overrides)
    combinations, jobs = expansion.combinations(), GridJobs(expansion.composer, options)
    is_drawn = options.draw is not None or options.draw_repeats is not None
    with folders_looked_at_once():
        notes = jobs.add_drawn(combinations) if is_drawn else jobs.add_all(combinations)
    if jobs.problems:
        raise ConfigError(*jobs.problems)
    if options.then is not None:
        refuse_without_test(jobs.in_order())
    _note_idle_values(jobs.in_order(), expansion)
    notes += expansion.left_out.lines()
    return SweepPlan(
        jobs.in_order(), jobs.meant, retry_failed, tuple(notes), impossible=options.impossible
    )


def _note_idle_values(jobs: Sequence[Job], expansion: Expansion) -> None:
    """Notes what the experiments of jobs set in vain, which follows from the chosen options."""
    idle_by_choices: dict[tuple[tuple[str, str], ...], dict[str, str]] = {}
    for job in jobs:
        choices = job.config["choices"]
        if choices.get("experiment", "none") == "none":
            continue
        key = tuple(sorted(choices.items()))
        if key not in idle_by_choices:
            idle_by_choices[key] = idle_values(job.config, choices, expansion.composer.option_files)
        for value, option in idle_by_choices[key].items():
            expansion.left_out.add(value, option)
