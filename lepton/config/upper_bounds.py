"""The largest numbers that a machine can bear, checked before anything starts."""

import os
from typing import Any

from lepton.errors import ConfigError

MAX_AT_ONCE = 64  # threads or processes, or four for each core where those are more
MAX_THREADS_ELSEWHERE = 256  # of a process of a machine that is not known yet, as of a cluster
MAX_PROCESSES_ELSEWHERE = 4096
MAX_BINS = 100_000  # of a calibration error


def largest_number_problems(config: dict[str, Any]) -> list[str]:
    """A line for every number that is beyond any machine of about this one's size."""
    trainer, task = config["trainer"] or {}, config["task"] or {}
    cores = os.cpu_count() or 1
    bounds = [
        ("trainer.threads", trainer.get("threads"), max(MAX_THREADS_ELSEWHERE, 4 * cores)),
        ("trainer.devices", trainer.get("devices"), MAX_PROCESSES_ELSEWHERE),
        ("task.calibration_bins", task.get("calibration_bins"), MAX_BINS),
    ]
    return [
        f"{key}: {value} is too large; {bound} at most"
        for key, value, bound in bounds
        if isinstance(value, int) and value > bound
    ]


def refuse_beyond_cores(key: str, count: int, what: str) -> None:
    """Raises: ConfigError for more threads or processes than this machine's cores can bear."""
    cores = os.cpu_count() or 1
    if count > (limit := max(MAX_AT_ONCE, 4 * cores)):
        raise ConfigError(f"{key}: {count} {what} on {cores} CPU cores; {limit} at most")
