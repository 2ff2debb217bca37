"""Hydra sweeper: Optuna proposes batches of trials, any launcher trains them, their runs are told.

Nothing but the study's own run folders is kept. Every start asks a seeded sampler for the same
trials again and tells it what the folders say, until it comes to runs that are not there.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from lepton.analysis.table import show
from lepton.errors import ConfigError, FailedRuns, NothingToSearch
from lepton.storage.study import add_planned_runs, make_studies
from lepton.sweep.grid import Grid
from lepton.sweep.job import Job
from lepton.sweep.plan import Composer, Plan, compose_job, tidied
from lepton.sweep.progress import SweepProgress
from lepton.sweep.search import trial_outcome
from lepton.sweep.search.proposals import Proposal, Proposals, most, pruner
from lepton.sweep.search.pruning import Told, Watch
from lepton.sweep.search.settings import NUMBERS, Settings, read_settings
from lepton.sweep.search.space import Space, read_space
from lepton.sweep.search.space_check import probe
from lepton.sweep.search.summary import summary
from lepton.sweep.search.trial_outcome import Outcome

log = logging.getLogger("lepton")


@dataclass(frozen=True)
class Trial:
    """A proposal as the runs that it means: one, or one a seed; none when it cannot be run."""

    number: int
    words: tuple[str, ...]
    jobs: tuple[Job, ...]
    problem: str = ""


class Search(Grid):
    """Trains what the trials of a search lack, batch by batch."""

    def __init__(
        self, *, params: dict[str, str], retry_failed: bool, fail_fast: bool, **values: Any
    ):
        super().__init__(params=params, retry_failed=retry_failed, fail_fast=fail_fast)

    def sweep(self, arguments: list[str]) -> None:
        """Looks at all trials, shows the study's table and the best of them.

        Raises: FailedRuns when a trial failed; ConfigError before anything has started.
        """
        way = Way(self.master, self.loader, arguments)
        if way.settings.pruner and not hasattr(self.launcher, "launch_jobs"):
            raise ConfigError(
                "hydra/sweeper/pruner: only lepton's own launchers prune; use "
                "hydra/sweeper/pruner=none or another hydra/launcher"
            )
        log.info("%s", way)
        with SweepProgress(range(way.runs), fail_fast=self.fail_fast) as self.progress:
            for trials in way.batches():
                jobs = way.missing(trials)
                self.progress.spare(way.settings.seeds * len(trials) - len(jobs))
                if jobs:
                    self._train(way, trials, jobs)
        for folder in way.studies():
            show(folder)
        lines, lost = summary(way)
        print("\n".join(lines))
        if lost:
            raise FailedRuns("\n".join(lost))

    def _train(self, way: "Way", trials: Sequence[Trial], jobs: list[Job]) -> None:
        """Raises: FailedRuns when no further run may start."""
        log.info("trials %d to %d: %s", *way.span(trials), _runs(len(jobs)))
        make_studies({job.folder.parent for job in jobs})
        add_planned_runs({job.folder: str(job) for job in jobs})
        self.train(jobs, self.progress)
        if self.progress.stopped:
            raise FailedRuns(f"{self.progress.stopped}; the same command goes on")
        for job in jobs:
            if (
                trial_outcome.status(job.folder) not in trial_outcome.ENDED
            ):  # told as failed, it would be
                raise FailedRuns(  # trained at the next start, and other trials would follow
                    f"{job}: ended without a word of why; the same command tries it again"
                )
        way.tried.update(job.folder for job in jobs)


class Way:
    """A search's way from its first trial to its last, the same at every start."""

    def __init__(self, master, loader, arguments: Sequence[str]):
        node = OmegaConf.to_container(master.hydra.sweeper, resolve=True)
        self.composer = Composer(master, loader)
        named = tidied(node["params"])
        problems = []
        try:
            self.settings = read_settings(node)
        except ConfigError as e:
            problems += e.problems
        try:
            self.space = read_space(self.composer.parser, [*named, *arguments])
            probe(self.composer, self.space)
        except NothingToSearch:
            if not problems:
                raise
        except ConfigError as e:
            problems += e.problems
        problems = problems or _fit(self.settings, self.space)
        if problems:
            raise ConfigError(*problems)
        self.proposals = Proposals(
            self.space,
            sampler=self.settings.sampler,
            directions=[o.direction for o in self.settings.objectives],
        )
        if self.settings.pruner:
            pruner(self.settings.pruner)  # refuses its values now, not in a worker
        self.total = min(self.settings.n_trials, most(self.space, self.settings.sampler))
        self.runs = self.total * self.settings.seeds
        self.trials: list[Trial] = []
        self.outcomes: list[Outcome] = []
        self.told: list[Told] = []
        self.tried: set[Path] = set()  # trained by this process: not again, whatever came of it

    def batches(self) -> Iterator[list[Trial]]:
        """Trials batch by batch; those of a batch are told when the next is asked for."""
        while len(self.trials) < self.total:
            count = min(self.settings.batch, self.total - len(self.trials))
            trials = [self._trial(proposal) for proposal in self.proposals.ask(count)]
            self.trials += trials
            yield trials
            self._tell(trials)

    def _trial(self, proposal: Proposal) -> Trial:
        number, words = proposal.number, self.space.words(proposal.params)
        try:
            first = compose_job(self.composer, words)
            seeds = range(first.config["seed"] + 1, first.config["seed"] + self.settings.seeds)
            jobs = [first, *(compose_job(self.composer, [*words, f"seed={s}"]) for s in seeds)]
        except ConfigError as e:
            return Trial(number, tuple(words), (), "; ".join(e.problems))
        if self.settings.pruner:
            watch = Watch(pruner=self.settings.pruner, number=number, told=self.told)
            jobs = [replace(job, watch=watch) for job in jobs]
        return Trial(number, tuple(words), tuple(jobs))

    def missing(self, trials: Sequence[Trial]) -> list[Job]:
        """The runs of a batch that are to be trained, each once."""
        known = {job.folder for trial in self.trials[: trials[0].number] for job in trial.jobs}
        jobs: dict[Path, Job] = {}
        for job in (job for trial in trials for job in trial.jobs):
            if job.folder not in known | self.tried | jobs.keys():
                jobs.update((job.folder, found) for found in self._missing(job))
        return list(jobs.values())

    def _missing(self, job: Job) -> list[Job]:
        """The job, if it is to be trained."""
        known = trial_outcome.status(job.folder)
        if known == "pruned" and job.watch and not job.config["rerun"]:
            if job.watch.ends_with(trial_outcome.curve(job.folder, known)):
                return []  # else another search's pruner ended it, which this one would not
            return [replace(job, config=job.config | {"rerun": True})]
        again = job.config["rerun"] or (known == "failed" and self.settings.retry_failed)
        return [job] if again or known not in trial_outcome.ENDED or known == "pruned" else []

    def _tell(self, trials: Sequence[Trial]) -> None:
        told = []
        for trial in trials:
            found = self._outcome(trial)
            self.outcomes.append(found)
            self.proposals.tell(trial.number, found.status, found.values, found.scores)
            watch = trial.jobs[0].watch if trial.jobs else None
            marks = watch.marks(found.scores) if watch else {}
            told.append(Told(found.scores, found.status, marks))
        self.told += told

    def _outcome(self, trial: Trial) -> Outcome:
        if trial.problem:
            log.info("trial %d cannot be run: %s", trial.number + 1, trial.problem)
            return Outcome("failed", error=trial.problem)
        return trial_outcome.read(
            [job.folder for job in trial.jobs],
            self.settings.objectives,
            watched=bool(self.settings.pruner),
        )

    def span(self, trials: Sequence[Trial]) -> tuple[int, int]:
        return trials[0].number + 1, trials[-1].number + 1

    def studies(self) -> list[Path]:
        jobs = [job for trial in self.trials for job in trial.jobs]
        return list(dict.fromkeys(job.folder.parent for job in jobs))

    def __str__(self) -> str:
        s, end = self.settings, "" if self.total == self.settings.n_trials else ", then all is seen"
        each = f", {s.seeds} seeds each" if s.seeds > 1 else ""
        head = f"search by {s.named}: {self.total} trials in batches of {s.batch}{each}{end}"
        return "\n".join([head, *(f"  {d}" for d in self.space.dimensions.values())])


def _fit(settings: Settings, space: Space) -> list[str]:
    """A line for each dimension that the sampler can do nothing with."""
    if settings.named in NUMBERS and not space.numeric():
        return [
            f"hydra/sweeper/sampler: {settings.named} searches numbers and there are only choices "
            f"({', '.join(space.dimensions)}); use tpe"
        ]
    if settings.named != "GridSampler":
        return []
    return [
        f"{key}: an interval has no list of values for hydra/sweeper/sampler=grid; give choices or "
        "a range"
        for key, dimension in space.dimensions.items()
        if not dimension.grid()
    ]


@dataclass(frozen=True)
class Preview(Plan):
    """What a search would do: its trials up to the first batch that has to be trained."""

    missing: tuple[Job, ...] = ()
    head: str = ""
    known: int = 0
    unknown: int = 0

    @property
    def to_do(self) -> list[Job]:
        return list(self.missing)

    def __str__(self) -> str:
        left = f"{_runs(len(self.to_do))} next" if self.to_do else "nothing to train"
        later = f", {self.unknown} to follow from their results" if self.unknown else ""
        return f"{self.head}\ntrials: {self.known} there, {left}{later}"


def _runs(count: int) -> str:
    return f"{count} run{'' if count == 1 else 's'} to train"


def preview(master, loader, arguments: Sequence[str]) -> Preview:
    """The search that `lepton train -m` would go on with; nothing is trained or written."""
    way, known, missing = Way(master, loader, arguments), 0, []
    for trials in way.batches():
        missing = way.missing(trials)
        if missing:
            break
        known = len(way.trials)
    jobs = {job.folder: job for trial in way.trials for job in trial.jobs}
    return Preview(
        jobs=list(jobs.values()),
        combinations=len(way.trials),
        missing=tuple(missing),
        head=str(way),
        known=known,
        unknown=way.total - len(way.trials),
    )
