"""The preview of a search, as `lepton check -m` shows it: nothing is trained or written."""

from collections.abc import Sequence
from dataclasses import dataclass

from hydra.core.config_loader import ConfigLoader
from omegaconf import DictConfig

from lepton.sweep.job import Job
from lepton.sweep.plan import SweepPlan
from lepton.sweep.search.state import SearchState, runs_to_train


@dataclass(frozen=True)
class SearchPreview(SweepPlan):
    """The trials that a search would look at, up to the first batch that has to be trained.

    `description` is the search's own; `done_trials` count those whose runs are there, and
    `later_trials` those that follow from results to come.
    """

    next_jobs: tuple[Job, ...] = ()
    description: str = ""
    done_trials: int = 0
    later_trials: int = 0

    @property
    def to_do(self) -> list[Job]:
        """The jobs of the first batch that has to be trained."""
        return list(self.next_jobs)

    def __str__(self) -> str:
        next_text = f"{runs_to_train(len(self.to_do))} next" if self.to_do else "nothing to train"
        later = f", {self.later_trials} to follow from their results" if self.later_trials else ""
        return f"{self.description}\ntrials: {self.done_trials} there, {next_text}{later}"


def preview_search(
    master: DictConfig, loader: ConfigLoader, overrides: Sequence[str]
) -> SearchPreview:
    """The search that `lepton train -m` would go on with.

    Raises: ConfigError with every mistake.
    """
    state, done_trials, next_jobs = SearchState(master, loader, overrides), 0, []
    for batch in state.batches():
        next_jobs = state.jobs_to_train(batch)
        if next_jobs:
            break
        done_trials = len(state.trials)
    jobs = {job.folder: job for trial in state.trials for job in trial.jobs}
    return SearchPreview(
        jobs=list(jobs.values()),
        combinations=len(state.trials),
        next_jobs=tuple(next_jobs),
        description=str(state),
        done_trials=done_trials,
        later_trials=state.total - len(state.trials),
    )
