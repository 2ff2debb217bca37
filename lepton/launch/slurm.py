"""Hydra launchers through submitit: jobs of Slurm's, or processes of their own on this machine."""

import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from lepton.compat.optional import import_optional
from lepton.errors import LeptonError, WorkerLost
from lepton.launch.cluster import Place, follow, place, train_there
from lepton.launch.parallel import terminable
from lepton.launch.worker_main import python_path
from lepton.sweep.attempt import JobOutcome
from lepton.sweep.job import Job
from lepton.sweep.parallelism import available_cores, threads_of_run
from lepton.sweep.progress import SweepProgress

ASK = 5.0  # seconds between two questions to Slurm
UNSEEN = 20.0  # seconds after which a job is lost that Slurm has forgotten and that left no word
FOLDER = ".submitit"  # in the study: what submitit writes of each job


class Submitit:
    """Trains each planned job in a job of its own; `options` are submitit's AutoExecutor's."""

    def __init__(self, *, cluster: str, at_once: int | None, options: dict[str, Any]):
        self.cluster, self.at_once, self.options = cluster, at_once, options

    def setup(self, *, hydra_context, task_function, config) -> None:
        pass

    def launch_jobs(self, jobs: Sequence[Job], progress: SweepProgress | None = None) -> None:
        """Returns when every job has ended, or was not handed over because the sweep stops."""
        if not jobs:
            return
        executor = self._executor(jobs[0].folder.parent.absolute() / FOLDER)
        queue = _Queue() if self.cluster == "slurm" else None

        def submit(some: list[Job]) -> list[_Job]:
            with executor.batch():
                handles = [executor.submit(Preemptible(), job, place()) for job in some]
            return [_Job(handle, queue) for handle in handles]

        with terminable(), python_path():
            follow(jobs, progress or SweepProgress(jobs), submit, at_once=self._room(jobs))

    def _room(self, jobs: Sequence[Job]) -> int:
        if self.at_once:
            return self.at_once
        if self.cluster == "slurm":
            return len(jobs)
        cores = available_cores()
        return max(1, cores // max(threads_of_run(job.config, cores) for job in jobs))

    def _executor(self, folder: Path):
        submitit = import_optional("submitit", needed_by=f"hydra/launcher=submitit_{self.cluster}")
        try:
            executor = submitit.AutoExecutor(folder=folder, cluster=self.cluster)
            executor.update_parameters(**{k: v for k, v in self.options.items() if v is not None})
        except (RuntimeError, ValueError, NameError, TypeError, AssertionError) as e:
            raise LeptonError(f"hydra.launcher: {' '.join(str(e).split())}") from None
        return executor


class Preemptible:
    """What submitit calls; a job that is ended for another one is queued again and goes on."""

    def __call__(self, job: Job, where: Place) -> JobOutcome:
        return train_there(job, where)

    def checkpoint(self, job: Job, where: Place):
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self, job, where)


class _Queue:
    """The jobs that Slurm has; it tells of ended ones only where it keeps accounts."""

    def __init__(self):
        self.asked, self.jobs = float("-inf"), set()

    def holds(self, job: str) -> bool:
        if time.monotonic() - self.asked > ASK:
            words = ["squeue", "--noheader", "--array", "--me", "--format=%i"]
            found = subprocess.run(words, capture_output=True, text=True)
            self.asked = time.monotonic()
            if found.returncode:
                return True  # Slurm is out of reach for the moment
            self.jobs = set(found.stdout.split())
        return job in self.jobs


class _Job:
    """A job of submitit's."""

    def __init__(self, handle, queue: _Queue | None):
        self.handle, self.queue, self.seen = handle, queue, time.monotonic()

    def over(self) -> bool:
        if self.queue is None:
            return self.handle.done()
        if self.handle.paths.result_pickle.exists():
            return True
        if self.queue.holds(self.handle.job_id):
            self.seen = time.monotonic()
        return time.monotonic() - self.seen > UNSEEN

    def outcome(self) -> JobOutcome:
        paths = self.handle.paths
        try:
            if not paths.result_pickle.exists():
                said = (self.handle.stderr() or "").strip().splitlines()[-1:]
                about = f": {said[0]}" if said else ""
                raise WorkerLost(f"job {self.handle.job_id} ended without a word{about}")
            return self.handle.result()
        finally:
            for path in (paths.result_pickle, paths.submitted_pickle):
                with suppress(OSError):
                    path.unlink()

    def cancel(self) -> None:
        self.handle.cancel(check=False)
