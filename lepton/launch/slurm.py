"""Hydra launchers through submitit: jobs of Slurm's, or processes of their own on this machine."""

import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from lepton.compat.optional import import_optional
from lepton.errors import LeptonError, WorkerLost
from lepton.launch.cluster import run_on_cluster, train_on_cluster
from lepton.launch.process_environment import ProcessEnvironment, exported_python_path
from lepton.launch.termination import interrupted_by_sigterm
from lepton.sweep.attempt import JobOutcome
from lepton.sweep.job import Job
from lepton.sweep.parallelism import fitting_workers
from lepton.sweep.progress import SweepProgress

QUEUE_SECONDS = 5.0  # between two questions to Slurm
LOST_SECONDS = 20.0  # after which a job is lost that Slurm has forgotten and that left no word
SUBMITIT_FOLDER = ".submitit"  # in the study: what submitit writes of each job


class Submitit:
    """Trains each planned job in a job of its own; `options` are submitit's AutoExecutor's."""

    def __init__(self, *, cluster: str, at_once: int | None, options: dict[str, Any]):
        self.cluster, self.at_once, self.options = cluster, at_once, options

    def launch_jobs(self, jobs: Sequence[Job], progress: SweepProgress | None = None) -> None:
        """Returns when every job has ended, or was not handed over because the sweep stops."""
        if not jobs:
            return
        executor = self._executor(jobs[0].folder.parent.absolute() / SUBMITIT_FOLDER)
        queue = _SlurmQueue() if self.cluster == "slurm" else None

        def submit(batch: list[Job]) -> list[_SubmititJob]:
            environment = ProcessEnvironment.for_other_machines()
            with executor.batch():
                handles = [
                    executor.submit(PreemptibleTraining(), job, environment) for job in batch
                ]
            return [_SubmititJob(handle, queue) for handle in handles]

        with interrupted_by_sigterm(), exported_python_path():
            at_once = self._max_jobs_at_once(jobs)
            run_on_cluster(jobs, progress or SweepProgress(jobs), submit, at_once=at_once)

    def _max_jobs_at_once(self, jobs: Sequence[Job]) -> int:
        if self.at_once:
            return self.at_once
        return len(jobs) if self.cluster == "slurm" else fitting_workers(jobs)

    def _executor(self, folder: Path) -> Any:
        """The AutoExecutor of submitit that writes into a folder."""
        submitit = import_optional("submitit", needed_by=f"hydra/launcher=submitit_{self.cluster}")
        try:
            executor = submitit.AutoExecutor(folder=folder, cluster=self.cluster)
            executor.update_parameters(**{k: v for k, v in self.options.items() if v is not None})
        except (RuntimeError, ValueError, NameError, TypeError, AssertionError) as e:
            raise LeptonError(f"hydra.launcher: {' '.join(str(e).split())}") from None
        return executor


class PreemptibleTraining:
    """Trains a job for submitit; when Slurm ends it for another job, it is queued again."""

    def __call__(self, job: Job, environment: ProcessEnvironment) -> JobOutcome:
        return train_on_cluster(job, environment)

    def checkpoint(self, job: Job, environment: ProcessEnvironment) -> Any:
        """The DelayedSubmission of submitit that takes the place of a job that is ended."""
        helpers = import_optional("submitit.helpers", needed_by="hydra/launcher=submitit_slurm")
        return helpers.DelayedSubmission(self, job, environment)


class _SlurmQueue:
    """The jobs that Slurm has; it tells of ended ones only where it keeps accounts."""

    def __init__(self) -> None:
        self.asked_at = float("-inf")
        self.job_ids: set[str] = set()

    def holds(self, job_id: str) -> bool:
        """True while a job waits or runs, as far as Slurm can be asked."""
        if time.monotonic() - self.asked_at > QUEUE_SECONDS:
            command = ["squeue", "--noheader", "--array", "--me", "--format=%i"]
            process = subprocess.run(command, capture_output=True, text=True)
            self.asked_at = time.monotonic()
            if process.returncode:
                return True  # Slurm is out of reach for the moment
            self.job_ids = set(process.stdout.split())
        return job_id in self.job_ids


class _SubmititJob:
    """A ClusterJob that is a Job of submitit's, the `handle`."""

    def __init__(self, handle: Any, queue: _SlurmQueue | None):
        self.handle, self.queue, self.last_queued = handle, queue, time.monotonic()

    def has_ended(self) -> bool:
        if self.queue is None:
            return self.handle.done()
        if self.handle.paths.result_pickle.exists():
            return True
        if self.queue.holds(self.handle.job_id):
            self.last_queued = time.monotonic()
        return time.monotonic() - self.last_queued > LOST_SECONDS

    def outcome(self) -> JobOutcome:
        paths = self.handle.paths
        try:
            if not paths.result_pickle.exists():
                last_line = (self.handle.stderr() or "").strip().splitlines()[-1:]
                reason = f": {last_line[0]}" if last_line else ""
                raise WorkerLost(f"job {self.handle.job_id} ended without a word{reason}")
            return self.handle.result()
        finally:
            for path in (paths.result_pickle, paths.submitted_pickle):
                with suppress(OSError):
                    path.unlink()

    def cancel(self) -> None:
        self.handle.cancel(check=False)
