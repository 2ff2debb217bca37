"""What a cluster trains as one job of its: one run, or runs that are a stack.

Runs that share a stack must be in one process; whoever has begun a stack, the study's record of it
says which runs those are.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING

from lepton.errors import LeptonError
from lepton.launch.stacks import Ends, ReasonByFolder, train_group
from lepton.processes.environment import ProcessEnvironment
from lepton.storage.stack_records import StackRecords
from lepton.sweep.attempt import attempt_job
from lepton.sweep.job import Job

if TYPE_CHECKING:  # loads torch, which is slow
    from lepton.vectorize.job_group import StackingOptions


@dataclass(frozen=True)
class Piece:
    """A job of a cluster's: its run; or its runs, with the limits of the stacks that they form."""

    jobs: tuple[Job, ...]
    stacking: "StackingOptions | None" = None
    fail_fast: bool = False
    is_second_try: bool = False

    def __str__(self) -> str:
        first, *others = self.jobs
        return f"{first} and {len(others)} more" if others else f"{first}"


def train_piece(piece: Piece, environment: ProcessEnvironment) -> tuple[Ends, ReasonByFolder]:
    """Trains a piece on another machine, in a process of its own, where this is called.

    Returns how its runs ended, and which of them could not be stacked and why.
    """
    environment.add()
    os.environ["SLURM_JOB_NAME"] = "bash"  # else Lightning takes over signals and processes
    if piece.stacking is not None:
        return train_group(piece.jobs, piece.stacking, piece.fail_fast)
    (job,) = piece.jobs
    outcome = attempt_job(job)
    return [(job.folder, outcome.kind, outcome.line)], []


def check_size(size: int | None) -> int | None:
    """The size of stacks as `hydra.launcher.size` has it. Raises: LeptonError for another value."""
    if size is not None and not (type(size) is int and size > 0):
        raise LeptonError(f"hydra.launcher.size: {size!r} is not a whole number above 0")
    return size


def cut_into_pieces(
    jobs: Sequence[Job], *, size: int | None, threads: int, fail_fast: bool
) -> list[Piece]:
    """The pieces of a sweep: stacks that its studies have recorded, new ones, and runs alone.

    New stacks have `size` runs at most, 1 for none; with None, all runs that could share one are a
    piece, which forms as many stacks as suit.
    Units: `threads` are CPU threads of a stack, unless the study has recorded others.
    """
    studies = {folder: StackRecords(folder) for folder in {job.folder.parent for job in jobs}}
    if size == 1 and not any(study.all() for study in studies.values()):
        return [Piece((job,)) for job in jobs]
    from lepton.vectorize.grouping import group_jobs  # loads torch
    from lepton.vectorize.job_group import StackingOptions

    piece_of: dict[Path, Piece] = {}
    for group in group_jobs(jobs)[0]:
        study = studies[group[0].folder.parent]
        for members in _stacks(group, study, size):
            stacking = StackingOptions(threads=study.threads(threads), size=size)
            piece = Piece(tuple(members), stacking, fail_fast)
            piece_of.update((job.folder, piece) for job in members)
    pieces = [piece_of.get(job.folder, Piece((job,))) for job in jobs]
    return list({piece.jobs[0].folder: piece for piece in pieces}.values())


def _stacks(group: list[Job], study: StackRecords, size: int | None) -> list[list[Job]]:
    """The runs of a group that stacks have, by stack; new ones of at most so many runs."""
    by_run, alone = study.by_run(), study.alone()
    begun: dict[str, list[Job]] = {}
    new = []
    for job in group:
        if record := by_run.get(job.folder.name):
            begun.setdefault(record.name, []).append(job)
        elif job.folder.name not in alone:
            new.append(job)
    stacks = [*begun.values()]
    if size != 1 and len(new) > 1:
        length = ceil(len(new) / ceil(len(new) / (size or len(new))))
        parts = [new[start : start + length] for start in range(0, len(new), length)]
        stacks += [part for part in parts if len(part) > 1]
    return stacks
