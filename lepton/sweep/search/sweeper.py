"""Hydra sweeper: Optuna proposes batches of trials, any launcher trains them, their runs are told.

Nothing but the study's own run folders is kept. Every start asks a seeded sampler for the same
trials again and tells it what the folders say, until it comes to runs that are not there.
"""

import logging
from collections.abc import Sequence
from typing import Any

from lepton.errors import ConfigError, FailedRuns
from lepton.foreign_text import say
from lepton.storage.run_folder import ended_status
from lepton.storage.study import add_planned_runs, make_studies
from lepton.sweep.ended_studies import say_or_log, show_or_collect
from lepton.sweep.evaluation import add_lacking_evaluations, raise_failed_evaluations
from lepton.sweep.grid import Grid, JobLauncher
from lepton.sweep.job import Job
from lepton.sweep.kept_budget import KeptBudget
from lepton.sweep.preflight import look_at_jobs
from lepton.sweep.progress import SweepProgress
from lepton.sweep.search.state import SearchState, Trial, runs_to_train
from lepton.sweep.search.summary import search_summary, trial_failures
from lepton.sweep.search.trial_outcome import ENDED

log = logging.getLogger("lepton")


class Search(Grid):
    """Trains what the trials of a search lack, batch by batch."""

    def __init__(self, *, retry_failed: bool, fail_fast: bool, **values: Any):
        self.retry_failed, self.fail_fast = retry_failed, fail_fast

    def sweep(self, arguments: list[str]) -> None:
        """Looks at all trials, shows the study's table and the best of them.

        Raises: FailedRuns when a trial failed; ConfigError before anything has started.
        """
        state = SearchState(self.master, self.loader, arguments)
        if state.settings.pruner and not isinstance(self.launcher, JobLauncher):
            raise ConfigError(
                "hydra/sweeper/pruner: only lepton's own launchers prune; use "
                "hydra/sweeper/pruner=none or another hydra/launcher"
            )
        if state.start.is_new:
            first_point = state.space.overrides(state.space.first_point())
            look_at_jobs(state.start.compose_runs(first_point))
        state.begin()
        log.info("%s", state)
        runs, budget = range(state.total_runs), None
        if (seconds := state.settings.budget) is not None:
            self.refuse_unheeded(seconds)
            record = state.start.record
            budget = KeptBudget(seconds, record.path.parent, record.name, (), ())
        with SweepProgress(runs, fail_fast=self.fail_fast, budget=budget) as progress:
            state.refused = progress.refused
            for batch in state.batches():
                jobs = state.jobs_to_train(batch)
                if budget is not None:
                    to_train = {job.folder for job in jobs}
                    others = (job for trial in batch for job in trial.jobs)
                    budget.recall(job for job in others if job.folder not in to_train)
                progress.skipped(state.settings.seeds * len(batch) - len(jobs))
                if not jobs:
                    continue
                if not state.tried:
                    look_at_jobs(jobs)
                if not self._train_batch(batch, jobs, progress):
                    break
                state.tried.update(job.folder for job in jobs)
        unevaluated = add_lacking_evaluations(job for t in state.trials for job in t.jobs)
        show_or_collect(state.studies())
        say("\n".join(search_summary(state)))
        if budget is not None:
            budget.keep()
            say_or_log([f"{len(state.outcomes)} of {state.total} trials", *budget.lines()])
        if failures := trial_failures(state):
            raise failures
        raise_failed_evaluations(unevaluated)

    def _train_batch(
        self, batch: Sequence[Trial], jobs: list[Job], progress: SweepProgress
    ) -> bool:
        """Trains a batch; false where the budget did not last for all of its runs.

        Raises: FailedRuns when no further run may start.
        """
        first, last = batch[0].number + 1, batch[-1].number + 1
        log.info("trials %d to %d: %s", first, last, runs_to_train(len(jobs)))
        make_studies({job.folder.parent for job in jobs})
        add_planned_runs({job.folder: str(job) for job in jobs})
        self.train(jobs, progress)
        unended = [
            job
            for job in jobs
            if job.folder not in progress.refused and ended_status(job.folder) not in ENDED
        ]
        if progress.stop_reason:
            raise FailedRuns(f"{progress.stop_reason}; the same command goes on")
        if progress.budget is not None and progress.budget.not_started:
            return False
        for job in unended:  # told as failed, they would be trained again, and other trials follow
            raise FailedRuns(f"{job}: ended without a word of why; the same command tries it again")
        return True
