"""Hydra launcher: runs that differ in numbers alone are trained as one, the others one by one."""

import logging
import time
from collections.abc import Sequence

from lepton.errors import LeptonError
from lepton.launch.basic import Basic
from lepton.launch.stacks import in_pool
from lepton.sweep.job import Job
from lepton.sweep.parallelism import POOL_START_SECONDS, available_cores, seconds_saved
from lepton.sweep.progress import SweepProgress

log = logging.getLogger("lepton")


class Vectorized:
    """Stacks what can be stacked, and says of the rest why not."""

    def __init__(self, *, threads: int | None, size: int | None, workers: int | None):
        for name, value in (("threads", threads), ("size", size), ("workers", workers)):
            if value is not None and not (type(value) is int and value > 0):
                raise LeptonError(f"hydra.launcher.{name}: {value!r} is not a whole number above 0")
        self.threads, self.size, self.workers = threads, size, workers

    def setup(self, *, hydra_context, task_function, config) -> None:
        pass

    def launch_jobs(self, jobs: Sequence[Job], progress: SweepProgress | None = None) -> None:
        progress = progress or SweepProgress(jobs)
        Basic().launch_jobs(self.stack(jobs, progress, alone=1), progress)

    def stack(self, jobs: Sequence[Job], progress: SweepProgress, *, alone: int) -> list[Job]:
        """Trains what can be stacked; returns the rest, in order.

        `alone`: how many runs of the rest would train at once.
        """
        from lepton.vectorize.grouping import group_jobs  # loads torch, which is slow
        from lepton.vectorize.job_group import JobGroup, StackingOptions

        options = StackingOptions(
            threads=self.threads or available_cores(), runs_at_once=alone, size=self.size
        )
        together, rest = group_jobs(jobs)
        log.info("%s", _plan(together, rest))
        started = time.monotonic()
        for number, members in enumerate(together):
            pace = (time.monotonic() - started) / number if number else 0.0
            workers = self._workers(together[number:], pace)
            if workers > 1:
                log.info("%d groups on a pool of %d workers", len(together) - number, workers)
                rest += in_pool(together[number:], options, workers, progress)
                break
            rest += JobGroup(members, options, progress).train()
        for reason in dict.fromkeys(reason for _, reason in rest):
            same = sum(why == reason for _, why in rest)
            log.info("one by one, %d of %d runs: %s", same, len(jobs), reason)
        left = {job.folder for job, _ in rest}
        return [job for job in jobs if job.folder in left]

    def _workers(self, left: list[list[Job]], pace: float) -> int:
        """Workers for the groups that are left, of which each takes so many seconds here; 0 is
        not known yet. A pool must save more than its start costs.
        """
        workers = min(self.workers or available_cores(), len(left))
        return workers if seconds_saved(pace * len(left), workers) > POOL_START_SECONDS else 1


def _plan(together: list[list[Job]], rest: list) -> str:
    stacked = sum(map(len, together))
    word = "group" if len(together) == 1 else "groups"
    words = [f"{stacked} runs in {len(together)} {word} to stack"] if together else []
    words += [f"{len(rest)} one by one"] if rest else []
    return ", ".join(words)
