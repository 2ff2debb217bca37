"""Hydra launchers through submitit: jobs of Slurm's, or processes of their own on this machine."""

import io
import re
import subprocess
import time
import uuid
from collections.abc import Sequence
from contextlib import redirect_stderr, suppress
from pathlib import Path
from typing import Any

from lepton.compat.optional import import_optional
from lepton.errors import LeptonError, WorkerLost
from lepton.launch.cluster import Refused, run_on_cluster
from lepton.launch.cluster_pieces import Piece, check_size, cut_into_pieces, train_piece
from lepton.launch.stacks import Ends, ReasonByFolder
from lepton.processes.environment import ProcessEnvironment, exported_python_path
from lepton.sweep.job import Job
from lepton.sweep.parallelism import fitting_workers
from lepton.sweep.progress import SweepProgress
from lepton.training.signals import interrupted_by_sigterm

QUEUE_SECONDS = 5.0  # between two questions to Slurm
LOST_SECONDS = 20.0  # after which a job is lost that Slurm has forgotten and that left no word
DEFAULT_ARRAY_SIZE = 1001  # Slurm's own, where it does not say another
LOG_SUFFIXES = (".out", ".err")
SUBMITIT_FOLDER = ".submitit"  # in the study: what submitit writes of a sweep while it runs


class Submitit:
    """Trains each planned job, or each stack, in a job of its own.

    `size`: runs of a stack at most, as `cut_into_pieces`; `options` are submitit's AutoExecutor's.
    """

    def __init__(
        self, *, cluster: str, at_once: int | None, size: int | None, options: dict[str, Any]
    ):
        self.cluster, self.at_once, self.options = cluster, at_once, options
        self.size = check_size(size)

    def launch_jobs(self, jobs: Sequence[Job], progress: SweepProgress | None = None) -> None:
        """Returns when every job has ended, or was not handed over because the sweep stops."""
        if not jobs:
            return
        folder = jobs[0].folder.parent.absolute() / SUBMITIT_FOLDER / uuid.uuid4().hex[:8]
        executor = self._executor(folder)
        on_slurm = self.cluster == "slurm"
        queue, length = (_SlurmQueue(), max_array_size()) if on_slurm else (None, len(jobs))
        progress = progress or SweepProgress(jobs)
        pieces = cut_into_pieces(
            jobs,
            size=self.size,
            threads=self.options.get("cpus_per_task") or 1,
            fail_fast=progress.fail_fast,
        )

        def submit(batch: list[Piece]) -> list[_SubmititJob]:
            taken: list[_SubmititJob] = []
            for start in range(0, len(batch), length):
                try:
                    handles = _submit_array(executor, batch[start : start + length])
                except Refused:
                    if not taken:
                        raise
                    break
                taken += [_SubmititJob(handle, queue) for handle in handles]
            return taken

        try:
            with interrupted_by_sigterm("a part of the sweep"), exported_python_path():
                at_once = self._max_jobs_at_once(jobs)
                run_on_cluster(pieces, progress, submit, at_once=at_once)
        finally:
            _keep_logs_alone(folder)

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


def max_array_size() -> int:
    """How many jobs Slurm takes as one array."""
    command = ["scontrol", "show", "config"]
    try:
        process = subprocess.run(command, capture_output=True, text=True)
        said = re.search(r"^MaxArraySize\s*=\s*(\d+)", process.stdout, re.MULTILINE)
    except OSError:
        said = None
    return max(1, int(said[1])) if said else DEFAULT_ARRAY_SIZE


def _submit_array(executor: Any, pieces: Sequence[Piece]) -> list[Any]:
    """Hands over pieces as one array; returns submitit's own Jobs. Raises: Refused."""
    failures = import_optional("submitit.core.utils", needed_by="hydra/launcher=submitit_slurm")
    environment, handles = ProcessEnvironment.for_other_machines(), []
    try:
        # submitit would print what sbatch says of a refusal
        with redirect_stderr(io.StringIO()), executor.batch():
            for piece in pieces:
                handles.append(executor.submit(PreemptibleTraining(), piece, environment))
    except (failures.FailedJobError, failures.FailedSubmissionError, OSError) as e:
        said = str(e).strip().splitlines()[-1:] or [type(e).__name__]
        raise Refused(f"hydra/launcher=submitit_slurm: {said[0]}") from None
    return handles


def _keep_logs_alone(folder: Path) -> None:
    """Removes what submitit has written of a sweep, but the logs of jobs that left no outcome."""
    for path in folder.glob("*"):
        if path.suffix not in LOG_SUFFIXES:
            path.unlink(missing_ok=True)
    for parent in (folder, folder.parent):
        with suppress(OSError):
            parent.rmdir()


class PreemptibleTraining:
    """Trains a piece for submitit; when Slurm ends it for another job, it is queued again."""

    def __call__(
        self, piece: Piece, environment: ProcessEnvironment
    ) -> tuple[Ends, ReasonByFolder]:
        return train_piece(piece, environment)

    def checkpoint(self, piece: Piece, environment: ProcessEnvironment) -> Any:
        """The DelayedSubmission of submitit that takes the place of a job that is ended."""
        helpers = import_optional("submitit.helpers", needed_by="hydra/launcher=submitit_slurm")
        return helpers.DelayedSubmission(self, piece, environment)


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

    def outcome(self) -> tuple[Ends, ReasonByFolder]:
        paths = self.handle.paths
        try:
            if not paths.result_pickle.exists():
                last_line = (self.handle.stderr() or "").strip().splitlines()[-1:]
                reason = f": {last_line[0]}" if last_line else ""
                raise WorkerLost(f"job {self.handle.job_id} ended without a word{reason}")
            outcome = self.handle.result()
            for path in (paths.stdout, paths.stderr):  # the run's log.txt has what counts
                path.unlink(missing_ok=True)
            return outcome
        finally:
            for path in (paths.result_pickle, paths.submitted_pickle):
                path.unlink(missing_ok=True)

    def cancel(self) -> None:
        self.handle.cancel(check=False)
