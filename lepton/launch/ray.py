"""Hydra launcher: jobs as tasks of Ray's, on this machine or on a cluster that runs already."""

import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from lepton.compat.optional import import_optional
from lepton.errors import LeptonError
from lepton.launch.cluster import run_on_cluster, train_on_cluster
from lepton.launch.process_environment import (
    ProcessEnvironment,
    exported_python_path,
    lepton_variables,
)
from lepton.sweep.attempt import JobOutcome
from lepton.sweep.job import Job
from lepton.sweep.parallelism import available_cores, threads_of_run
from lepton.sweep.progress import SweepProgress
from lepton.training.signals import interrupted_by_sigterm


class Ray:
    """Trains planned jobs as tasks; a worker's death costs its task, which Ray tries once more.

    Units: `cpus` and `gpus` are what a run is given; part of a GPU is a share of it.
    """

    def __init__(self, *, address: str | None, cpus: float | None, gpus: float):
        self.address, self.cpus, self.gpus = address, cpus, gpus

    def launch_jobs(self, jobs: Sequence[Job], progress: SweepProgress | None = None) -> None:
        """Returns when every job has ended, or was not handed over because the sweep stops."""
        ray = import_optional("ray", needed_by="hydra/launcher=ray")
        if not jobs:
            return
        with (
            interrupted_by_sigterm("a part of the sweep"),
            exported_python_path(),
            _connected(ray, self.address),
        ):
            train = ray.remote(max_retries=1)(train_on_cluster)

            def submit(batch: list[Job]) -> list[_RayTask]:
                environment = ProcessEnvironment.for_other_machines()
                return [
                    _RayTask(ray, train.options(**self._resources(job)).remote(job, environment))
                    for job in batch
                ]

            available = ray.cluster_resources()
            slots = max(1, round(sum(available.get(kind, 0) for kind in ("CPU", "GPU"))))
            run_on_cluster(jobs, progress or SweepProgress(jobs), submit, at_once=2 * slots)

    def _resources(self, job: Job) -> dict[str, float]:
        """The resources that Ray reserves for a job: the CPU cores it uses, GPUs if asked for."""
        cpus = self.cpus or threads_of_run(job.config, available_cores())
        return {"num_cpus": cpus, "num_gpus": self.gpus}


class _RayTask:
    """A ClusterJob that is a task of Ray's; `reference` is Ray's own to it."""

    def __init__(self, ray: ModuleType, reference: Any):
        self.ray, self.reference = ray, reference

    def has_ended(self) -> bool:
        return bool(self.ray.wait([self.reference], timeout=0)[0])

    def outcome(self) -> JobOutcome:
        return self.ray.get(self.reference)

    def cancel(self) -> None:
        self.ray.cancel(self.reference, force=True)


@contextmanager
def _connected(ray: ModuleType, address: str | None) -> Iterator[None]:
    """A connection to Ray, for as long as the sweep lasts."""
    variables = lepton_variables()
    if "PYTHONPATH" in os.environ:
        variables["PYTHONPATH"] = os.environ["PYTHONPATH"]
    try:
        ray.init(
            address=address or "local",
            runtime_env={"env_vars": variables},
            include_dashboard=None if address else False,
            logging_level=logging.ERROR,
        )
    except (ConnectionError, ValueError, RuntimeError) as e:
        raise LeptonError(f"hydra.launcher.address={address}: {' '.join(str(e).split())}") from None
    try:
        yield
    finally:
        ray.shutdown()
