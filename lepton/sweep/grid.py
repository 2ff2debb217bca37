"""Hydra sweeper: every combination of the values given, each run once."""

import logging
import time

from hydra.core.plugins import Plugins

from lepton.analysis.table import show
from lepton.compat.hydra import error_of
from lepton.errors import Claimed, FailedRuns, LeptonError
from lepton.storage.run_folder import failed_folder, read_failure, run_status
from lepton.storage.run_writing import record_failure
from lepton.storage.study import add_planned_runs, make_studies, write_tables
from lepton.sweep.attempt import CLAIMED, ENDED
from lepton.sweep.job import Job
from lepton.sweep.plan import TO_DO, Plan, plan
from lepton.sweep.progress import SweepProgress, ends

log = logging.getLogger("lepton")
GOOD = ("finished", "pruned")
LOOK = 1.0  # seconds between two looks at runs that another process has


class Grid:
    """Plans all jobs, leaves out what is finished, and hands the rest to the launcher."""

    def __init__(self, *, params: dict[str, str], retry_failed: bool, fail_fast: bool):
        self.params, self.retry_failed, self.fail_fast = params, retry_failed, fail_fast

    def setup(self, *, hydra_context, task_function, config) -> None:
        self.loader, self.master = hydra_context.config_loader, config
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> None:
        """Trains what is missing and shows the table.

        Raises: FailedRuns when a run did not finish; ConfigError before anything has started.
        """
        planned = plan(
            self.master, self.loader, self.params, arguments, retry_failed=self.retry_failed
        )
        log.info("%s", planned)
        jobs = planned.to_do
        make_studies({job.folder.parent for job in jobs})
        add_planned_runs({job.folder: str(job) for job in planned.jobs})
        with SweepProgress(jobs, fail_fast=self.fail_fast) as progress:
            self.train(jobs, progress)
        for folder in dict.fromkeys(job.folder.parent for job in planned.jobs):
            if not jobs:
                write_tables(folder)  # a killed sweep may have left an older table
            show(folder)
        _tell(planned, progress)

    def train(self, jobs: list[Job], progress: SweepProgress) -> None:
        """Has the launcher train jobs, and waits for those that another process has."""
        if jobs:
            launch(self.launcher, jobs, progress)
            wait_for_others(self.launcher, progress)


def launch(launcher, jobs: list[Job], progress: SweepProgress) -> None:
    """lepton's launchers take planned jobs; others take overrides and compose again."""
    if hasattr(launcher, "launch_jobs"):
        launcher.launch_jobs(jobs, progress)
        return
    words = [list(job.overrides) for job in jobs]
    for job, done in zip(jobs, launcher.launch(words, initial_job_idx=0), strict=True):
        error = error_of(done)
        if error is not None and not isinstance(error, Claimed):
            _keep(job, error)
        progress.ended(job, CLAIMED if isinstance(error, Claimed) else ENDED)


def _keep(job: Job, error: object) -> None:
    """A failure that a foreign launcher reports and the run itself could not record."""
    if read_failure(job.folder) is None:
        error = error if isinstance(error, Exception) else LeptonError(str(error))
        record_failure(job.folder, job.config, error)


def wait_for_others(launcher, progress: SweepProgress) -> None:
    """Until every run that another process had is done; one that it gave up is trained here."""
    told = False
    while progress.elsewhere and not progress.stopped:
        jobs, progress.elsewhere, given_up = progress.elsewhere, [], []
        for job in jobs:
            if run_status(job.folder) == "running":
                progress.elsewhere.append(job)
            elif ends(job) == progress.claimed[job.folder]:
                given_up.append(job)
            else:
                progress.ended(job)
        if given_up:
            launch(launcher, given_up, progress)
        elif progress.elsewhere:
            if not told:
                log.info("waiting for %d runs of another process", len(progress.elsewhere))
            told = True
            time.sleep(LOOK)


def _tell(planned: Plan, progress: SweepProgress) -> None:
    """Raises: FailedRuns with a line for each run that did not finish."""
    tried = {job.folder for job in planned.to_do}
    lost = [job for job in planned.jobs if _lost(job, tried=job.folder in tried)]
    waiting = sum(run_status(job.folder) == TO_DO for job in planned.jobs)
    lines = []
    if lost:
        again = "tries them again" if planned.retry_failed else "leaves them, rerun=true does not"
        lines.append(f"{len(lost)} of {len(planned.jobs)} runs failed; the same command {again}")
        lines += [_line(job) for job in lost]
    if progress.stopped:
        lines.append(f"{progress.stopped}; {waiting} not trained; the same command goes on")
    if lines:
        raise FailedRuns("\n".join(lines))


def _lost(job: Job, *, tried: bool) -> bool:
    """Whether the last attempt failed: a success removes what an earlier failure left."""
    failed = read_failure(job.folder) is not None
    return failed and (tried or run_status(job.folder) not in GOOD)


def _line(job: Job) -> str:
    known = read_failure(job.folder)
    return f"{job}: {known['error']} ({failed_folder(job.folder)})"
