"""Hydra launcher: runs that differ in numbers alone are trained as one, the others one by one."""

import logging
from collections.abc import Sequence

from lepton.errors import LeptonError
from lepton.sweep.basic import Basic
from lepton.sweep.parallel import cores_of
from lepton.sweep.plan import Job
from lepton.sweep.progress import SweepProgress

log = logging.getLogger("lepton")


class Vectorized:
    """Stacks what can be stacked, and says of the rest why not."""

    def __init__(self, *, threads: int | None, size: int | None):
        for name, value in (("threads", threads), ("size", size)):
            if value is not None and not (type(value) is int and value > 0):
                raise LeptonError(f"hydra.launcher.{name}: {value!r} is not a whole number above 0")
        self.threads, self.size = threads, size

    def setup(self, *, hydra_context, task_function, config) -> None:
        pass

    def launch_jobs(self, jobs: Sequence[Job], progress: SweepProgress | None = None) -> None:
        progress = progress or SweepProgress(jobs)
        Basic().launch_jobs(self.stack(jobs, progress, alone=1), progress)

    def stack(self, jobs: Sequence[Job], progress: SweepProgress, *, alone: int) -> list[Job]:
        """Trains what can be stacked; returns the rest, in order.

        `alone`: how many runs of the rest would train at once.
        """
        from lepton.vectorize.group import groups  # torch loads only once there is a run to train
        from lepton.vectorize.train import Group, Options

        options = Options(threads=self.threads or cores_of(), alone=alone, size=self.size)
        together, rest = groups(jobs)
        log.info("%s", _plan(together, rest))
        for members in together:
            rest += Group(members, options, progress).train()
        for reason in dict.fromkeys(reason for _, reason in rest):
            same = sum(why == reason for _, why in rest)
            log.info("one by one, %d of %d runs: %s", same, len(jobs), reason)
        left = {job.folder for job, _ in rest}
        return [job for job in jobs if job.folder in left]


def _plan(together: list[list[Job]], rest: list) -> str:
    stacked = sum(map(len, together))
    word = "group" if len(together) == 1 else "groups"
    words = [f"{stacked} runs in {len(together)} {word} to stack"] if together else []
    words += [f"{len(rest)} one by one"] if rest else []
    return ", ".join(words)
