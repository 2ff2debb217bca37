"""Hydra sweeper: every combination of the values given, each run once."""

import logging
import time
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from hydra.core.plugins import Plugins
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from lepton.compat.hydra import error_of
from lepton.config.node_checks import plain_dict
from lepton.errors import ConfigError, FailedRuns, Locked
from lepton.storage.namesakes import as_it_lies
from lepton.storage.run_folder import failed_folder, read_failure, run_status
from lepton.storage.study import add_planned_runs, make_studies, write_tables
from lepton.sweep.attempt import ENDED, LOCKED, JobOutcome, failure_outcome
from lepton.sweep.ended_studies import say_or_log, show_or_collect
from lepton.sweep.evaluation import add_lacking_evaluations, raise_failed_evaluations
from lepton.sweep.grid_options import SKIP, read_grid_options
from lepton.sweep.impossible import look_at_plan
from lepton.sweep.job import Job
from lepton.sweep.kept_budget import budget_of_grid
from lepton.sweep.plan import TO_DO, UNREADABLE, SweepPlan, plan_grid, why_unreadable
from lepton.sweep.progress import SweepProgress, end_times
from lepton.sweep.then import make_then

log = logging.getLogger("lepton")
SUCCEEDED = ("finished", "pruned")
POLL_SECONDS = 1.0  # between two looks at runs that another process has


class Grid:
    """Plans all jobs, leaves out what is finished, and hands the others to the launcher."""

    def __init__(
        self,
        *,
        params: dict[str, str],
        zip: list[str] | list[list[str]],
        ablate: list[str],
        when: dict[str, str] | None,
        exclude: str | list[str],
        draw: int | None,
        draw_repeats: int | None,
        draw_seed: int,
        budget: str | float | None,
        together: list[str],
        impossible: str,
        then: str | None,
        retry_failed: bool,
        fail_fast: bool,
    ):
        self.retry_failed, self.fail_fast = retry_failed, fail_fast

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Takes what Hydra hands to every sweeper, and makes the launcher."""
        self.loader, self.master = hydra_context.config_loader, config
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> None:
        """Trains what is missing and shows the table.

        Raises: FailedRuns when a run did not finish; ConfigError before anything has started.
        """
        options = read_grid_options(plain_dict(self.master.hydra.sweeper))
        plan = plan_grid(
            self.master, self.loader, options, arguments, retry_failed=self.retry_failed
        )
        self.refuse_unheeded(options.budget)
        log.info("%s", plan)
        noted = len(plan.notes)
        plan, _ = look_at_plan(plan)
        for note in plan.notes[noted:]:
            log.info("%s", note)
        jobs = plan.to_do
        make_studies({job.folder.parent for job in jobs})
        add_planned_runs({job.folder: str(job) for job in plan.jobs})
        budget = None
        if options.budget is not None:
            budget = budget_of_grid(options.budget, plan.jobs, jobs, options.together)
        with SweepProgress(jobs, fail_fast=self.fail_fast, budget=budget) as progress:
            self.train(jobs, progress)
        unevaluated = add_lacking_evaluations(plan.jobs)
        studies = [*dict.fromkeys(job.folder.parent for job in plan.jobs)]
        for study in studies if not jobs else ():
            write_tables(study)  # a killed sweep may have left an older table
        show_or_collect(studies)
        if budget is not None:
            budget.keep()
            say_or_log(budget.lines())
        if options.then is not None:
            make_then(options.then, plan.jobs)
        _raise_unfinished(plan, progress)
        raise_failed_evaluations(unevaluated)

    def refuse_unheeded(self, budget: float | None) -> None:
        """Raises: ConfigError for a budget where the launcher starts runs without asking."""
        if budget is not None and not getattr(self.launcher, "heeds_budget", False):
            name = self.master.hydra.runtime.choices["hydra/launcher"]
            raise ConfigError(
                f"budget: hydra/launcher={name} hands all runs over at once, whatever time is "
                "left; auto, parallel, vectorized and basic ask before each start"
            )

    def train(self, jobs: list[Job], progress: SweepProgress) -> None:
        """Has the launcher train jobs, and waits for those that another process has."""
        if jobs:
            launch(self.launcher, jobs, progress)
            wait_for_other_processes(self.launcher, progress)


@runtime_checkable
class JobLauncher(Protocol):
    """A launcher of lepton's, which takes jobs as they were planned."""

    def launch_jobs(self, jobs: Sequence[Job], progress: SweepProgress | None = None) -> None:
        """Trains the jobs; returns when each has ended, or is not to start any more."""
        ...


def launch(launcher: Launcher, jobs: list[Job], progress: SweepProgress) -> None:
    """Has a launcher train jobs: lepton's take them as planned, others compose them again."""
    if isinstance(launcher, JobLauncher):
        launcher.launch_jobs(jobs, progress)
        return
    overrides = [list(job.overrides) for job in jobs]
    for job, job_return in zip(jobs, launcher.launch(overrides, initial_job_idx=0), strict=True):
        error = error_of(job_return)
        kind = LOCKED if isinstance(error, Locked) else ENDED
        outcome = JobOutcome(kind, "") if error is None or kind is LOCKED else _reported(job, error)
        progress.ended(job, outcome.kind, outcome.line)


def _reported(job: Job, error: object) -> JobOutcome:
    """The outcome of a failure that a foreign launcher reports; records it where the run could
    not."""
    error = error if isinstance(error, Exception) else RuntimeError(str(error))
    return failure_outcome(job, error, recorded=read_failure(job.folder) is not None)


def wait_for_other_processes(launcher: Launcher, progress: SweepProgress) -> None:
    """Waits until every run that another process had is done; trains one that it gave up."""
    is_told = False
    while progress.locked_jobs and not progress.stop_reason:
        jobs, progress.locked_jobs, given_up = progress.locked_jobs, [], []
        for job in jobs:
            folder = as_it_lies(job.folder)
            if (status := run_status(folder)) == "running":
                progress.locked_jobs.append(job)
            elif folder != job.folder and status in SUCCEEDED:
                progress.ended(job)
            elif end_times(job) == progress.end_times_when_locked[job.folder]:
                given_up.append(job)
            else:
                progress.ended(job)
        if given_up:
            launch(launcher, given_up, progress)
        elif progress.locked_jobs:
            if not is_told:
                log.info("waiting for %d runs of another process", len(progress.locked_jobs))
            is_told = True
            time.sleep(POLL_SECONDS)


def _raise_unfinished(plan: SweepPlan, progress: SweepProgress) -> None:
    """Raises: FailedRuns with a line for each run that did not finish; ConfigError where mistakes
    of the user's alone kept runs from it."""
    tried = {job.folder for job in plan.to_do}
    failures = [(job, _last_failure(job, tried=job.folder in tried)) for job in plan.jobs]
    failed = [_failure_line(job, failure) for job, failure in failures if failure]
    not_trained = sum(run_status(job.folder) == TO_DO for job in plan.jobs)
    skips = plan.impossible == SKIP
    lines = []
    if failed:
        again = "tries them again" if plan.retry_failed else "leaves them, rerun=true does not"
        lines.append(f"{len(failed)} of {len(plan.jobs)} runs failed; the same command {again}")
        lines += failed
    unreadable = [
        job
        for job, status in zip(plan.jobs, plan.statuses, strict=True)
        if status == UNREADABLE and job.folder not in tried
    ]
    if unreadable:
        lines.append(f"{len(unreadable)} of {len(plan.jobs)} runs cannot be read")
        lines += [f"{job}: {why_unreadable(job.folder)}" for job in unreadable]
    refused = [job for job in plan.jobs if job.folder in progress.refused and not skips]
    if refused:
        lines.append(f"{len(refused)} of {len(plan.jobs)} runs cannot be trained as they are")
        lines += [f"{job}: {progress.refused[job.folder]}" for job in refused]
    if progress.stop_reason:
        lines.append(f"{progress.stop_reason}; {not_trained} not trained; the same command goes on")
    if refused and not (failed or unreadable):
        raise ConfigError(*lines)
    if lines:
        raise FailedRuns("\n".join(lines))


def _last_failure(job: Job, *, tried: bool) -> dict[str, str] | None:
    """The failure of the last attempt: a success removes what an earlier failure left."""
    failure = read_failure(job.folder)
    if failure is None or tried:
        return failure
    return None if run_status(job.folder) in SUCCEEDED else failure


def _failure_line(job: Job, failure: dict[str, str]) -> str:
    return f"{job}: {failure['error']} ({failed_folder(job.folder)})"
