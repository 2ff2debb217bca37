"""Runs at once on this machine: its CPU cores, and what worker processes save and cost.

Units: seconds.
"""

import os
from collections.abc import Sequence
from typing import Any

from lepton.sweep.job import Job

POOL_START_SECONDS = 10.0  # that a pool's imports take at most; less than that it must not save


def available_cores() -> int:
    """CPU cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def threads_of_run(config: dict[str, Any], cores: int) -> int:
    """CPU threads that a run takes; a model that fits itself says so in `threads`, or takes one."""
    trainer = config["trainer"]
    if trainer is None:
        return min(cores, (config["model"] or {}).get("threads", 1) or cores)
    devices = trainer.get("devices")
    processes = devices if isinstance(devices, int) and trainer["accelerator"] == "cpu" else 1
    return min(cores, (trainer["threads"] or cores) * max(1, processes))


def has_several_processes(config: dict[str, Any]) -> bool:
    """True for a run that several processes may train together."""
    trainer = config["trainer"]
    if trainer is None:
        return False
    return trainer.get("devices", 1) != 1 or trainer.get("strategy", "auto") != "auto"


def fitting_workers(jobs: Sequence[Job]) -> int:
    """The number of jobs that the CPU cores can train at once, each with its threads."""
    cores = available_cores()
    return max(1, cores // max(threads_of_run(job.config, cores) for job in jobs))


def seconds_saved(seconds: float, workers: int) -> float:
    """The time that so many workers save of work that takes one so many seconds.

    >>> seconds_saved(80.0, 4)
    60.0
    """
    return seconds * (1 - 1 / workers)
