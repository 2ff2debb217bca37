"""Hydra launcher: runs that differ in numbers alone are trained as one, the others one by one."""

import logging
import os
from collections.abc import Sequence

from lepton.sweep.basic import Basic
from lepton.sweep.plan import Job

log = logging.getLogger("lepton")


class Vectorized:
    """Stacks what can be stacked, and says of the rest why not."""

    def __init__(self, *, threads: int | None, size: int | None):
        self.threads, self.size = threads, size

    def setup(self, *, hydra_context, task_function, config) -> None:
        pass

    def launch_jobs(self, jobs: Sequence[Job]) -> None:
        Basic().launch_jobs(self.stack(jobs, alone=1))

    def stack(self, jobs: Sequence[Job], *, alone: int) -> list[Job]:
        """Trains what can be stacked; returns the rest. `alone`: how many of it train at once."""
        from lepton.vectorize.group import groups  # torch loads only once there is a run to train
        from lepton.vectorize.train import Group, Options

        options = Options(threads=self.threads or cores(), alone=alone, size=self.size)
        together, rest = groups(jobs)
        for members in together:
            rest += Group(members, options, ended=lambda job: None).train()
        for reason in dict.fromkeys(reason for _, reason in rest):
            same = [job for job, why in rest if why == reason]
            log.info("one by one, %d of %d runs: %s", len(same), len(jobs), reason)
        return [job for job, _ in rest]


def cores() -> int:
    """CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
