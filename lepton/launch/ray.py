"""Hydra launcher: jobs as tasks of Ray's, on this machine or on a cluster that runs already."""

import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from lepton.compat.optional import import_optional
from lepton.errors import LeptonError
from lepton.launch.cluster import run_on_cluster
from lepton.launch.cluster_pieces import Piece, check_size, cut_into_pieces, train_piece
from lepton.launch.stacks import Ends, ReasonByFolder
from lepton.processes.environment import (
    ProcessEnvironment,
    exported_python_path,
    lepton_variables,
)
from lepton.sweep.job import Job
from lepton.sweep.parallelism import available_cores, threads_of_run
from lepton.sweep.progress import SweepProgress
from lepton.training.signals import interrupted_by_sigterm


class Ray:
    """Trains planned jobs, or stacks, as tasks; a lost worker's task is tried once more by Ray.

    `size`: runs of a stack at most, as `cut_into_pieces`.
    Units: `cpus` and `gpus` are what a task is given; part of a GPU is a share of it.
    """

    def __init__(self, *, address: str | None, size: int | None, cpus: float | None, gpus: float):
        self.address, self.size = address, check_size(size)
        self.cpus, self.gpus = cpus, gpus

    def launch_jobs(self, jobs: Sequence[Job], progress: SweepProgress | None = None) -> None:
        """Returns when every job has ended, or was not handed over because the sweep stops."""
        ray = import_optional("ray", needed_by="hydra/launcher=ray")
        if not jobs:
            return
        progress = progress or SweepProgress(jobs)
        threads = max(1, int(self.cpus or 1))
        pieces = cut_into_pieces(
            jobs, size=self.size, threads=threads, fail_fast=progress.fail_fast
        )
        with (
            interrupted_by_sigterm("a part of the sweep"),
            exported_python_path(),
            _connected(ray, self.address),
        ):
            train = ray.remote(max_retries=1)(train_piece)

            def submit(batch: list[Piece]) -> list[_RayTask]:
                environment = ProcessEnvironment.for_other_machines()
                return [
                    _RayTask(ray, train.options(**self._resources(p)).remote(p, environment))
                    for p in batch
                ]

            available = ray.cluster_resources()
            slots = max(1, round(sum(available.get(kind, 0) for kind in ("CPU", "GPU"))))
            run_on_cluster(pieces, progress, submit, at_once=2 * slots)

    def _resources(self, piece: Piece) -> dict[str, float]:
        """The resources that Ray reserves for a piece: the CPU cores it uses, GPUs if asked for."""
        if piece.stacking is None:
            used = threads_of_run(piece.jobs[0].config, available_cores())
        else:
            used = piece.stacking.threads
        cpus = self.cpus or used
        return {"num_cpus": cpus, "num_gpus": self.gpus}


class _RayTask:
    """A ClusterJob that is a task of Ray's; `reference` is Ray's own to it."""

    def __init__(self, ray: ModuleType, reference: Any):
        self.ray, self.reference = ray, reference

    def has_ended(self) -> bool:
        return bool(self.ray.wait([self.reference], timeout=0)[0])

    def outcome(self) -> tuple[Ends, ReasonByFolder]:
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
