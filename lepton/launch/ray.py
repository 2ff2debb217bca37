"""Hydra launcher: jobs as tasks of Ray's, on this machine or on a cluster that runs already."""

import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from lepton.compat.optional import import_optional
from lepton.errors import LeptonError
from lepton.launch.cluster import OURS, follow, place, train_there
from lepton.launch.parallel import terminable
from lepton.launch.worker_main import python_path
from lepton.sweep.attempt import JobOutcome
from lepton.sweep.job import Job
from lepton.sweep.parallelism import available_cores, threads_of_run
from lepton.sweep.progress import SweepProgress


class Ray:
    """Trains planned jobs as tasks; a worker's death costs its task, which Ray tries once more.

    Units: `cpus` and `gpus` are what a run is given; part of a GPU is a share of it.
    """

    def __init__(self, *, address: str | None, cpus: float | None, gpus: float):
        self.address, self.cpus, self.gpus = address, cpus, gpus

    def setup(self, *, hydra_context, task_function, config) -> None:
        pass

    def launch_jobs(self, jobs: Sequence[Job], progress: SweepProgress | None = None) -> None:
        """Returns when every job has ended, or was not handed over because the sweep stops."""
        ray = import_optional("ray", needed_by="hydra/launcher=ray")
        if not jobs:
            return
        with terminable(), python_path(), _connected(self.address):
            train = ray.remote(max_retries=1)(train_there)

            def submit(some: list[Job]) -> list[_Task]:
                return [
                    _Task(train.options(**self._room(job)).remote(job, place())) for job in some
                ]

            room = max(1, round(sum(ray.cluster_resources().get(k, 0) for k in ("CPU", "GPU"))))
            follow(jobs, progress or SweepProgress(jobs), submit, at_once=2 * room)

    def _room(self, job: Job) -> dict[str, float]:
        """What Ray reserves for a job: the CPU cores that it uses, and GPUs where asked for."""
        cpus = self.cpus or threads_of_run(job.config, available_cores())
        return {"num_cpus": cpus, "num_gpus": self.gpus}


class _Task:
    """A task of Ray's."""

    def __init__(self, reference):
        self.reference = reference

    def over(self) -> bool:
        import ray

        return bool(ray.wait([self.reference], timeout=0)[0])

    def outcome(self) -> JobOutcome:
        import ray

        return ray.get(self.reference)

    def cancel(self) -> None:
        import ray

        ray.cancel(self.reference, force=True)


@contextmanager
def _connected(address: str | None) -> Iterator[None]:
    """A connection to Ray, for as long as the sweep lasts."""
    import ray

    carried = {k: v for k, v in os.environ.items() if k == "PYTHONPATH" or k.startswith(OURS)}
    try:
        ray.init(
            address=address or "local",
            runtime_env={"env_vars": carried},
            include_dashboard=None if address else False,
            logging_level=logging.ERROR,
        )
    except (ConnectionError, ValueError, RuntimeError) as e:
        raise LeptonError(f"hydra.launcher.address={address}: {' '.join(str(e).split())}") from None
    try:
        yield
    finally:
        ray.shutdown()
