"""A bounded pool of worker processes, each of which takes the next job when it has done one."""

import logging
import os
import threading
from collections import deque
from collections.abc import Sequence
from typing import Any

from lepton.errors import TimedOut, WorkerLost
from lepton.launch.worker_main import INTERRUPTED, count_gpus, train_job
from lepton.launch.worker_process import WorkerProcess, end_workers, start_worker_server
from lepton.processes.environment import ProcessEnvironment
from lepton.storage.run_log import SHOWN_LINES
from lepton.sweep.attempt import OUT_OF_MEMORY, JobOutcome, failure_outcome, log_level
from lepton.sweep.job import Job
from lepton.sweep.parallelism import fitting_workers
from lepton.sweep.progress import SweepProgress
from lepton.training.signals import interrupted_by_sigterm
from lepton.training.tracker import prepare_databases

log = logging.getLogger("lepton")
GPU_VARIABLE = "CUDA_VISIBLE_DEVICES"


class WorkerPool:
    """The workers of one launch; without a number of workers, as many as fit the machine.

    Each has a GPU, or a share of one, for life.

    Units: `timeout` is seconds a job.
    """

    def __init__(
        self,
        jobs: Sequence[Job],
        progress: SweepProgress,
        *,
        workers: int | None,
        per_gpu: int = 1,
        timeout: float | None = None,
    ):
        self.jobs, self.progress = jobs, progress
        self.max_workers, self.per_gpu, self.timeout = workers, per_gpu, timeout
        self.waiting: deque[Any] = deque(jobs)
        self.ended_count = progress.done + progress.failed
        self.job_by_worker: dict[WorkerProcess, Job] = {}
        self.logged_lines = {*SHOWN_LINES}
        self.error: BaseException | None = None
        self.ending = threading.Event()
        self.workers: list[WorkerProcess] = []

    def run(self) -> None:
        """Returns when every job has ended, or was not started because the sweep stops."""
        prepare_databases([job.config for job in self.jobs])
        with interrupted_by_sigterm("a part of the sweep"):
            try:
                start_worker_server()
                self._open_workers()
                self.progress.at_once(len(self.workers))
                threads = [
                    threading.Thread(target=self._serve, args=(w,), daemon=True)
                    for w in self.workers
                ]
                for thread in threads:
                    thread.start()
                for thread in threads:
                    while thread.is_alive():
                        thread.join(0.5)  # in pieces, so that Ctrl-C is heard
            except BaseException:
                self.ending.set()
                self.waiting.clear()
                end_workers(self.workers)
                raise
            finally:
                self._close_workers()
        if self.error:
            raise self.error

    def _close_workers(self) -> None:
        """Closes all workers, also where a signal comes meanwhile."""
        try:
            for worker in self.workers:
                worker.close()
        except BaseException:
            for worker in self.workers:
                worker.close()
            raise

    def _open_workers(self) -> None:
        """Makes as many workers as fit the machine; the first one tells of the GPUs."""
        fitting = fitting_workers(self.jobs)
        leases: list[dict[str, str]] = [{}] * (self.max_workers or fitting)
        if any(_wants_gpu(job.config) for job in self.jobs):
            gpu_counter = self._worker()
            self.workers.append(gpu_counter)
            gpus = gpu_counter.call(count_gpus)
            if gpus:
                leases = self._gpu_leases(gpus, fitting)
            gpu_counter.close()
            self.workers.clear()
        self.workers += [self._worker(**lease) for lease in leases[: len(self.waiting)]]

    def _worker(self, **variables: str) -> WorkerProcess:
        return WorkerProcess(ProcessEnvironment.of_this_process(**variables), self._log_line)

    def _gpu_leases(self, gpus: int, fitting: int) -> list[dict[str, str]]:
        """The GPU that each worker sees; a job that needs several, or names them, has them all."""
        if any((job.config["trainer"] or {}).get("devices", 1) != 1 for job in self.jobs):
            return [{}]
        visible = [name for name in os.environ.get(GPU_VARIABLE, "").split(",") if name]
        names = visible[:gpus] or [str(number) for number in range(gpus)]
        seats = names * self.per_gpu
        return [{GPU_VARIABLE: name} for name in seats[: self.max_workers or max(fitting, gpus)]]

    def _serve(self, worker: WorkerProcess) -> None:
        """Gives a worker what waits, until nothing does."""
        try:
            while self.waiting and not self.progress.stop_reason:
                try:
                    work = self.waiting.popleft()
                except IndexError:
                    return
                if self.progress.may_start(*jobs_of(work)):
                    self.train(worker, work)
                if self.ending.is_set():
                    return
        except BaseException as error:
            self.error = error
            self.waiting.clear()

    def train(self, worker: WorkerProcess, job: Job) -> None:
        """Trains what waited, and tells how it ended."""
        self.job_by_worker[worker] = job
        self.progress.started(job)
        outcome = self._attempt(worker, job)
        if self.ending.is_set():
            return
        self.ended_count += 1
        counts = self.ended_count, self.progress.total
        told = self.progress.told(job, outcome.line)
        log.log(log_level(outcome), "[%d/%d] %s", *counts, told)
        self.progress.ended(job, outcome.kind, outcome.line)

    def _attempt(self, worker: WorkerProcess, job: Job) -> JobOutcome:
        """A job that takes its worker with it, or its memory, is tried once more in a fresh one."""
        outcome = self._attempt_once(worker, job)
        if outcome.kind != OUT_OF_MEMORY or self.ending.is_set():
            return outcome
        log.warning("%s: %s; once more in a fresh worker", job, outcome.line)
        worker.kill()
        return self._attempt_once(worker, job)

    def _attempt_once(self, worker: WorkerProcess, job: Job) -> JobOutcome:
        try:
            outcome = worker.call(train_job, job, timeout=self.timeout)
            if outcome.kind == INTERRUPTED:
                raise WorkerLost(outcome.line)
            return outcome
        except TimedOut as error:
            return failure_outcome(job, error)
        except WorkerLost as error:
            if self.ending.is_set():
                return JobOutcome(OUT_OF_MEMORY, str(error))
            outcome = failure_outcome(job, error)
            return JobOutcome(OUT_OF_MEMORY, outcome.line)

    def _log_line(self, worker: WorkerProcess, text: str, is_logged: bool) -> None:
        """Logs what several workers log alike once, and what a user's code prints with its job."""
        if not is_logged:
            log.info("%s: %s", self.job_by_worker.get(worker, "worker"), text)
        elif text not in self.logged_lines:
            self.logged_lines.add(text)
            log.info("%s", text)


def jobs_of(work: Job | Sequence[Job]) -> Sequence[Job]:
    """The runs of what waits for a worker: one, or a group."""
    return [work] if isinstance(work, Job) else work


def _wants_gpu(config: dict[str, Any]) -> bool:
    return config["trainer"] is not None and config["trainer"]["accelerator"] not in ("cpu", "tpu")
