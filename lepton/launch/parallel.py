"""Hydra launcher: a bounded pool of warm worker processes on this machine."""

import logging
import os
import signal
import threading
from collections import deque
from collections.abc import Sequence
from contextlib import contextmanager
from typing import Any

from lepton.errors import LeptonError, TimedOut, WorkerLost
from lepton.launch.worker_main import INTERRUPTED, gpus, here, train
from lepton.launch.worker_process import Slot, end, warm_up
from lepton.sweep.attempt import OUT_OF_MEMORY, JobOutcome, failure_outcome, log_level
from lepton.sweep.job import Job
from lepton.sweep.parallelism import available_cores, threads_of_run
from lepton.sweep.progress import SweepProgress
from lepton.training.signals import Interrupted

log = logging.getLogger("lepton")
VISIBLE = "CUDA_VISIBLE_DEVICES"


class Parallel:
    """Trains planned jobs in `workers` processes; each has a GPU, or a share of one, for life.

    Units: `timeout` is seconds a job.
    """

    def __init__(self, *, workers: int | None, per_gpu: int, timeout: float | None):
        if not hasattr(os, "setsid"):
            raise LeptonError("hydra/launcher=parallel: needs Linux or macOS; take basic")
        for name, value in (("workers", workers), ("per_gpu", per_gpu), ("timeout", timeout)):
            if value is not None and not value > 0:
                raise LeptonError(f"hydra.launcher.{name}: {value!r} is not a number above 0")
        self.workers, self.per_gpu, self.timeout = workers, per_gpu, timeout

    def setup(self, *, hydra_context, task_function, config) -> None:
        pass

    def launch_jobs(self, jobs: Sequence[Job], progress: SweepProgress | None = None) -> None:
        """Returns when every job has ended, or was not started because the sweep stops."""
        if jobs:
            warm_up()
            Pool(self, jobs, progress or SweepProgress(jobs)).run()


class Pool:
    """The workers of one launch: each slot takes the next job when it has done one."""

    def __init__(self, launcher: Parallel, jobs: Sequence[Job], progress: SweepProgress):
        self.launcher, self.jobs, self.progress = launcher, jobs, progress
        self.waiting, self.count = deque(jobs), 0
        self.training: dict[Slot, Job] = {}
        self.said: set[str] = set()
        self.broken: BaseException | None = None
        self.ending = threading.Event()
        self.slots: list[Slot] = []

    def run(self) -> None:
        with terminable():
            try:
                self._open()
                threads = [threading.Thread(target=self._serve, args=(s,)) for s in self.slots]
                for thread in threads:
                    thread.start()
                for thread in threads:
                    while thread.is_alive():
                        thread.join(0.5)  # in pieces, so that Ctrl-C is heard
            except BaseException:
                self.ending.set()
                self.waiting.clear()
                end(self.slots)
                raise
            finally:
                for slot in self.slots:
                    slot.close()
        if self.broken:
            raise self.broken

    def _open(self) -> None:
        """As many slots as fit the machine; the first worker tells of the GPUs."""
        cores = available_cores()
        fit = max(1, cores // max(threads_of_run(job.config, cores) for job in self.jobs))
        leases: list[dict[str, str]] = [{}] * (self.launcher.workers or fit)
        if any(_wants_gpu(job.config) for job in self.jobs):
            asked = Slot(here(), self._heard)
            self.slots.append(asked)
            found = asked.do(gpus)
            if found:
                leases = self._leases(found, fit)
            asked.close()
            self.slots.clear()
        self.slots += [Slot(here(**lease), self._heard) for lease in leases[: len(self.waiting)]]

    def _leases(self, found: int, fit: int) -> list[dict[str, str]]:
        """The GPU that each slot sees; a job that needs several, or names them, has them all."""
        if any((job.config["trainer"] or {}).get("devices", 1) != 1 for job in self.jobs):
            return [{}]
        named = [word for word in os.environ.get(VISIBLE, "").split(",") if word]
        names = named[:found] or [str(number) for number in range(found)]
        seats = names * self.launcher.per_gpu
        return [{VISIBLE: name} for name in seats[: self.launcher.workers or max(fit, found)]]

    def _serve(self, slot: Slot) -> None:
        try:
            while self.waiting and not self.progress.stop_reason:
                try:
                    job = self.waiting.popleft()
                except IndexError:
                    return
                self.serve(slot, job)
                if self.ending.is_set():
                    return
        except BaseException as error:
            self.broken = error
            self.waiting.clear()

    def serve(self, slot: Slot, job: Job) -> None:
        """Trains what waited, and tells how it ended."""
        self.training[slot] = job
        self.progress.started(job)
        outcome = self._train(slot, job)
        if self.ending.is_set():
            return
        self.count += 1
        log.log(log_level(outcome), "[%d/%d] %s: %s", self.count, len(self.jobs), job, outcome.line)
        self.progress.ended(job, outcome.kind)

    def _train(self, slot: Slot, job: Job) -> JobOutcome:
        """A job that takes its worker with it, or its memory, is tried once more in a fresh one."""
        outcome = self._try(slot, job)
        if outcome.kind != OUT_OF_MEMORY or self.ending.is_set():
            return outcome
        log.warning("%s: %s; once more in a fresh worker", job, outcome.line)
        slot.kill()
        return self._try(slot, job)

    def _try(self, slot: Slot, job: Job) -> JobOutcome:
        try:
            outcome = slot.do(train, job, timeout=self.launcher.timeout)
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

    def _heard(self, slot: Slot, text: str, logged: bool) -> None:
        """What a worker says of data is said once; what a user's code prints, with its job."""
        if not logged:
            log.info("%s: %s", self.training.get(slot, "worker"), text)
        elif text not in self.said:
            self.said.add(text)
            log.info("%s", text)


def _wants_gpu(config: dict[str, Any]) -> bool:
    return config["trainer"] is not None and config["trainer"]["accelerator"] not in ("cpu", "tpu")


@contextmanager
def terminable():
    """SIGTERM ends the workers as Ctrl-C does, where this is the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    if before is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _terminated)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _terminated(number: int, frame) -> None:
    raise Interrupted(number, "a part of the sweep")
