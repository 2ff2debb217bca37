"""Hydra sweeper: every combination of the values given, each run once."""

import logging
from pathlib import Path

from hydra.core.plugins import Plugins
from hydra.core.utils import JobStatus

from lepton import results
from lepton.errors import Claimed, FailedRuns, LeptonError
from lepton.report import show
from lepton.sweep.plan import Job, Plan, plan

log = logging.getLogger("lepton")


class Grid:
    """Plans all jobs, leaves out what is finished, and hands the rest to the launcher."""

    def __init__(self, *, params: dict[str, str]):
        self.params = params

    def setup(self, *, hydra_context, task_function, config) -> None:
        self.loader, self.master = hydra_context.config_loader, config
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> None:
        """Trains what is missing and shows the table.

        Raises: FailedRuns when a run did not finish; ConfigError before anything has started.
        """
        planned = plan(self.master, self.loader, self.params, arguments)
        log.info("%s", planned)
        jobs = planned.to_do
        _make({job.folder.parent for job in jobs})
        self._launch(jobs)
        for study in dict.fromkeys(job.folder.parent for job in planned.jobs):
            show(study)
        lost = [job for job in jobs if _lost(job.folder)]
        if lost:
            raise FailedRuns(_summary(lost, planned))

    def _launch(self, jobs: list[Job]) -> None:
        """lepton's launchers take planned jobs; others take overrides and compose again."""
        if not jobs:
            return
        if hasattr(self.launcher, "launch_jobs"):
            self.launcher.launch_jobs(jobs)
            return
        words = [list(job.overrides) for job in jobs]
        for job, done in zip(jobs, self.launcher.launch(words, initial_job_idx=0), strict=True):
            if done.status != JobStatus.COMPLETED:
                _keep(job, done._return_value)


def _make(studies: set[Path]) -> None:
    """Makes the folders that runs will be written to, before the first run starts.

    Raises: LeptonError where that is not possible.
    """
    for study in studies:
        try:
            study.mkdir(parents=True, exist_ok=True)
        except OSError as e:
            raise LeptonError(f"runs: cannot write to {study} ({e.strerror})") from None


def _keep(job: Job, error: object) -> None:
    """A failure that a foreign launcher reports and the run itself could not record."""
    if results.failure(job.folder) is None and not isinstance(error, Claimed):
        error = error if isinstance(error, Exception) else LeptonError(str(error))
        results.record_failure(job.folder, job.config, error)


def _lost(folder: Path) -> bool:
    """Whether the attempt just made failed: a success removes what an earlier failure left.

    A run that another process is training is not lost.
    """
    if results.status(folder) == "running":
        return False
    return results.failure(folder) is not None or not (folder / results.RESULT).is_file()


def _summary(lost, planned: Plan) -> str:
    lines = [f"{len(lost)} of {len(planned.jobs)} runs failed; the same command tries them again"]
    for job in lost:
        known = results.failure(job.folder) or {"error": "no word of why"}
        lines.append(f"{job}: {known['error']} ({results.failed(job.folder)})")
    return "\n".join(lines)
