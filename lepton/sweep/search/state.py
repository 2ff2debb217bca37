"""The state of a search: its trials so far, and what the run folders say of them."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hydra.core.config_loader import ConfigLoader
from omegaconf import DictConfig

from lepton.config.node_checks import plain_dict
from lepton.errors import ConfigError, Damaged, NothingToSearch
from lepton.storage.study import make_studies
from lepton.sweep.composer import JobComposer
from lepton.sweep.grid_options import read_when
from lepton.sweep.job import Job
from lepton.sweep.overrides import params_as_overrides
from lepton.sweep.search.export import TrialCopy
from lepton.sweep.search.patience import trials_without_gain
from lepton.sweep.search.proposals import Proposal, Proposals, make_pruner, max_trials
from lepton.sweep.search.pruning import TrialRecord, TrialWatch
from lepton.sweep.search.settings import NUMERIC_SAMPLERS, SearchSettings, read_settings
from lepton.sweep.search.space import SearchSpace, read_space
from lepton.sweep.search.space_check import check_space
from lepton.sweep.search.start import SearchStart
from lepton.sweep.search.trial_outcome import (
    ENDED,
    TrialOutcome,
    epoch_scores,
    read_trial_outcome,
    trial_run_status,
)

log = logging.getLogger("lepton")


@dataclass(frozen=True)
class Trial:
    """A proposal as the runs that it means: one, or one a seed; none when it cannot be run."""

    number: int
    overrides: tuple[str, ...]
    jobs: tuple[Job, ...]
    problem: str = ""


class SearchState:
    """The trials of a search from the first to the last, the same at every start.

    `tried` are the folders of runs that this process has trained: not again, whatever came of it;
    `refused` are those that a mistake of the user's kept from being trained, each with its reason.

    Raises: ConfigError with every mistake in the settings and the space.
    """

    def __init__(self, master: DictConfig, loader: ConfigLoader, overrides: Sequence[str]):
        node = plain_dict(master.hydra.sweeper)
        self.composer = JobComposer(master, loader)
        self.settings, self.space = _read_search(self.composer, node, overrides)
        self.start = SearchStart(self.settings, self.space, self._compose_runs, self._applies)
        self.proposals = self._first_proposals()
        if self.settings.pruner:
            make_pruner(self.settings.pruner)  # refuses its values now, not in a worker
        n_trials, limit = self.settings.n_trials, max_trials(self.space, self.settings.sampler)
        self.total = n_trials if limit is None else min(n_trials, limit)
        self.most = self.total  # less when patience ends the search
        self.is_whole = self.total == n_trials
        self.total_runs = self.total * self.settings.seeds
        self.trials: list[Trial] = []
        self.outcomes: list[TrialOutcome] = []
        self.records: list[TrialRecord] = []
        self.copy: TrialCopy | None = None
        self.tried: set[Path] = set()
        self.refused: dict[Path, str] = {}

    def _first_proposals(self) -> Proposals:
        directions = [o.direction for o in self.settings.objectives]
        sampler, told = self.settings.sampler, self.start.told
        return Proposals(
            self.space,
            sampler=sampler,
            directions=directions,
            told=told,
            constraints=len(self.settings.constraints),
        )

    def begin(self) -> None:
        """Records what the sampler is told at the start, so that every start is told the same.

        Raises: LeptonError when the study cannot be written to.
        """
        make_studies([self.start.record.path.parent])
        told = self.start.told
        self.start.record_told()
        if self.start.told != told:
            self.proposals = self._first_proposals()
        if self.settings.storage is not None:
            record, objectives = self.start.record, self.settings.objectives
            name = f"{record.path.parent.name}-{record.name}"
            self.copy = TrialCopy(self.settings.storage, name, [o.direction for o in objectives])

    def batches(self) -> Iterator[list[Trial]]:
        """Trials batch by batch; those of a batch are told when the next is asked for."""
        while len(self.trials) < self.total:
            count = min(self.settings.batch, self.total - len(self.trials))
            batch = [
                self._compose_trial(proposal)
                for proposal in self.proposals.ask(count, self._applies)
            ]
            self.trials += batch
            yield batch
            self._tell(batch)
            if self.is_stale():
                self.total = len(self.trials)

    def is_stale(self) -> bool:
        """True when as many trials as `patience` says have ended since the last gain."""
        patience = self.settings.patience
        return (
            patience is not None
            and trials_without_gain(
                [run.values for run in self.start.told if run.is_feasible],
                [outcome.values if outcome.is_feasible else None for outcome in self.outcomes],
                [objective.direction for objective in self.settings.objectives],
            )
            >= patience
        )

    def _compose_trial(self, proposal: Proposal) -> Trial:
        number, overrides = proposal.number, self.space.overrides(proposal.params)
        try:
            jobs = self._compose_runs(overrides)
        except ConfigError as e:
            return Trial(number, tuple(overrides), (), "; ".join(e.problems))
        if self.settings.pruner:
            watch = TrialWatch(
                pruner=self.settings.pruner, number=number, earlier_trials=self.records
            )
            jobs = [replace(job, watch=watch) for job in jobs]
        return Trial(number, tuple(overrides), tuple(jobs))

    def _applies(self, params: dict[str, Any], key: str) -> bool:
        """True where a point has a dimension that not every trial has."""
        return self.composer.applies(self.space.overrides(params), key, self.space.conditions[key])

    def _compose_runs(self, overrides: Sequence[str]) -> list[Job]:
        """The runs of a point, one a seed."""
        first = self.composer.compose_job(overrides)
        seeds = range(first.config["seed"] + 1, first.config["seed"] + self.settings.seeds)
        others = (self.composer.compose_job([*overrides, f"seed={seed}"]) for seed in seeds)
        return [first, *others]

    def jobs_to_train(self, batch: Sequence[Trial]) -> list[Job]:
        """The runs of a batch that are to be trained, each once."""
        earlier = {job.folder for trial in self.trials[: batch[0].number] for job in trial.jobs}
        jobs: dict[Path, Job] = {}
        for job in (job for trial in batch for job in trial.jobs):
            if job.folder in earlier | self.tried | jobs.keys():
                continue
            if to_train := self._job_to_train(job):
                jobs[job.folder] = to_train
        return list(jobs.values())

    def _job_to_train(self, job: Job) -> Job | None:
        """The job, with rerun=true where a pruned run is to go to its end; None when it is done."""
        status, watch = trial_run_status(job.folder), job.watch
        if status == "pruned" and isinstance(watch, TrialWatch) and not job.config["rerun"]:
            with suppress(Damaged):  # it is trained again then
                if watch.ends_with(epoch_scores(job.folder, status)):
                    return None  # else another search's pruner ended it, which this one would not
            return replace(job, config=job.config | {"rerun": True})
        if job.config["rerun"] or (status == "failed" and self.settings.retry_failed):
            return job
        return job if status not in ENDED or status == "pruned" else None

    def _tell(self, batch: Sequence[Trial]) -> None:
        """Reads how the trials of a batch ended, for Optuna's sampler and for later trials."""
        records = []
        for trial in batch:
            outcome = self._read_outcome(trial)
            self.outcomes.append(outcome)
            self.proposals.tell(
                trial.number,
                outcome.status,
                outcome.values,
                outcome.scores,
                outcome.violations,
            )
            watch = trial.jobs[0].watch if trial.jobs else None
            is_watched = isinstance(watch, TrialWatch)
            pruner_notes = watch.pruner_notes(outcome.scores) if is_watched else {}
            records.append(TrialRecord(outcome.scores, outcome.status, pruner_notes))
        self.records += records
        if self.copy is not None:
            runs = [[job.folder.name for job in trial.jobs] for trial in self.trials]
            self.copy.update(self.proposals, runs)

    def _read_outcome(self, trial: Trial) -> TrialOutcome:
        if trial.problem:
            log.info("trial %d cannot be run: %s", trial.number + 1, trial.problem)
            return TrialOutcome("failed", error=trial.problem)
        return read_trial_outcome(
            [job.folder for job in trial.jobs],
            self.settings.objectives,
            watched=bool(self.settings.pruner),
            refused=self.refused,
            constraints=self.settings.constraints,
        )

    def studies(self) -> list[Path]:
        """The folders of the studies that the trials' runs are in."""
        jobs = [job for trial in self.trials for job in trial.jobs]
        return list(dict.fromkeys(job.folder.parent for job in jobs))

    def __str__(self) -> str:
        settings = self.settings
        seeds = f", {settings.seeds} seeds each" if settings.seeds > 1 else ""
        end = "" if self.is_whole else ", then all is seen"
        head = (
            f"search by {settings.sampler_name}: {self.most} trials in batches of "
            f"{settings.batch}{seeds}{end}"
        )
        dimensions = [self._dimension_line(key) for key in self.space.dimensions]
        constraints = [f"  constraint: {constraint}" for constraint in settings.constraints]
        return "\n".join([head, *dimensions, *constraints, *self.start.lines])

    def _dimension_line(self, key: str) -> str:
        """A dimension as text, with the condition under which trials have it."""
        text = f"  {self.space.dimensions[key]}"
        if key not in self.space.conditions:
            return text
        condition = self.space.conditions[key]
        return f"{text}, where {condition.text if condition else 'the option takes it'}"


def _read_search(
    composer: JobComposer, node: dict[str, Any], overrides: Sequence[str]
) -> tuple[SearchSettings, SearchSpace]:
    """The settings and the space of a search.

    Raises: ConfigError with every mistake in both.
    """
    named_space = params_as_overrides(node["params"])
    problems: list[str] = []
    try:
        settings = read_settings(node, _added_metrics(composer.master))
    except ConfigError as e:
        problems += e.problems
    try:
        when = read_when(node.get("when") or {}, problems)
        space = read_space(composer.parser, [*named_space, *overrides], when)
        check_space(composer, space)
    except NothingToSearch:
        if not problems:
            raise
    except ConfigError as e:
        problems += e.problems
    problems = problems or _sampler_problems(settings, space)
    if problems:
        raise ConfigError(*problems)
    return settings, space


def _added_metrics(master: DictConfig) -> dict[str, bool | None] | None:
    """The metrics that the runs of a search add, with their directions; None where any may be."""
    if master.get("loss") or "_target_" in (master.get("task") or {}):
        return None
    added = master.get("metric") or {}
    return {str(name): node.get("larger_is_better") for name, node in added.items()}


def _sampler_problems(settings: SearchSettings, space: SearchSpace) -> list[str]:
    """A line for each dimension that the sampler can do nothing with."""
    if settings.sampler_name in NUMERIC_SAMPLERS and not space.has_numbers():
        return [
            f"hydra/sweeper/sampler: {settings.sampler_name} searches numbers and there are only "
            f"choices ({', '.join(space.dimensions)}); use tpe"
        ]
    if settings.sampler_name != "GridSampler":
        return []
    if space.conditions:
        return ["hydra.sweeper.when: hydra/sweeper/sampler=grid knows no conditions; use tpe"]
    return [
        f"{key}: an interval has no list of values for hydra/sweeper/sampler=grid; give choices or "
        "a range"
        for key, dimension in space.dimensions.items()
        if not dimension.grid_values()
    ]


def runs_to_train(count: int) -> str:
    """A count of runs as text.

    >>> runs_to_train(1)
    '1 run to train'
    """
    return f"{count} run{'' if count == 1 else 's'} to train"
