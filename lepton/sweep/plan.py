"""The plan of a sweep: its runs, composed and checked before the first starts."""

import itertools
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig

from lepton.errors import ConfigError
from lepton.storage.run_folder import run_status
from lepton.sweep.composer import JobComposer
from lepton.sweep.job import Job
from lepton.sweep.overrides import as_written, listed_values, params_as_overrides

TO_DO = "to do"
MAX_GRID_RUNS = 100_000  # each of which is composed before the first starts
SWEPT_EVALUATION = (
    "evaluation: the same run with several evaluations; write evaluation=[A,B], and no values of "
    "one evaluator beside each other"
)
SETTLED = ("finished", "diverged")  # statuses that the same run would come to again


@dataclass(frozen=True)
class SweepPlan:
    """The distinct runs of a sweep, in order, and how many combinations meant them."""

    jobs: list[Job]
    combinations: int
    retry_failed: bool = True

    @cached_property
    def statuses(self) -> list[str]:
        """The status of each job when first asked: finished, failed, ..., to do."""
        return [run_status(job.folder) for job in self.jobs]

    @cached_property
    def to_do(self) -> list[Job]:
        """The jobs to train; one that runs elsewhere is among them, in case its process dies."""
        pairs = zip(self.jobs, self.statuses, strict=True)
        return [job for job, status in pairs if self._is_to_train(job, status)]

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
        return f"{runs} {'run' if runs == 1 else 'runs'}{same}: {', '.join(counts)}"


def plan_grid(
    master: DictConfig,
    loader: ConfigLoader,
    params: Mapping[str, str],
    overrides: Sequence[str],
    *,
    retry_failed: bool = True,
) -> SweepPlan:
    """The plan of every combination of an experiment's own sweep and of the overrides.

    Raises: ConfigError with the mistakes of all jobs.
    """
    composer = JobComposer(master, loader)
    jobs, problems = {}, {}
    combinations = expand_grid(composer.parser, [*params_as_overrides(params), *overrides])
    for combination in combinations:
        try:
            job = composer.compose_job(combination)
        except ConfigError as e:
            problems.update(dict.fromkeys(e.problems))
        else:
            first = jobs.setdefault(job.folder, job)
            if first.config["evaluation"] != job.config["evaluation"]:
                problems[SWEPT_EVALUATION] = None
    if problems:
        raise ConfigError(*problems)
    return SweepPlan(list(jobs.values()), len(combinations), retry_failed)


def expand_grid(parser: OverridesParser, overrides: Sequence[str]) -> list[list[str]]:
    """The product of all values given, one list of overrides a job; a later key wins.

    Raises: ConfigError for a range that holds no value or needs a search, and for a grid of more
        than MAX_GRID_RUNS.
    """
    choices: dict[str, list[str]] = {}
    for override in parser.parse_overrides(list(overrides)):
        key = override.get_key_element()
        choices[key] = [f"{key}={value}" for value in _values(override)]
        if override.is_sweep_override() and math.prod(map(len, choices.values())) > MAX_GRID_RUNS:
            raise ConfigError(
                f"{as_written(override)}: more than {MAX_GRID_RUNS} runs; "
                "try fewer values, or a search"
            )
    return [list(combination) for combination in itertools.product(*choices.values())]


def _values(override: Override) -> list[str]:
    """The values of an override, of which a list or a range has several."""
    if not override.is_sweep_override():
        return [override.get_value_element_as_str()]
    if not override.is_discrete_sweep():
        raise ConfigError(
            f"{as_written(override)}: an interval has no list of values to train; "
            "hydra/sweeper=search looks for the best"
        )
    return listed_values(override, at_most=MAX_GRID_RUNS + 1)
