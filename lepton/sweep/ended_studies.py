"""What a sweep that has ended leaves: it is shown, or whoever asked gets the folders."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path

from lepton.analysis.table import show_study
from lepton.foreign_text import say

log = logging.getLogger("lepton")


@dataclass
class EndedSweeps:
    """The studies of sweeps that have ended, and the runs that were made of theirs."""

    studies: list[Path] = field(default_factory=list)
    made: list[Path] = field(default_factory=list)


_collected: ContextVar[EndedSweeps | None] = ContextVar("collected", default=None)


def show_or_collect(studies: Iterable[Path]) -> None:
    """Shows the tables of studies, or adds their folders to those that are collected."""
    collected = _collected.get()
    for study in studies:
        if collected is None:
            show_study(study)
        else:
            collected.studies.append(study)


def collect_made(folder: Path) -> bool:
    """Adds a run that was made of a sweep's to those that are collected; false where none are."""
    if (collected := _collected.get()) is None:
        return False
    collected.made.append(folder)
    return True


def say_or_log(lines: Sequence[str]) -> None:
    """Says lines of a sweep's end; in Python they are logged."""
    for line in lines:
        say(line) if _collected.get() is None else log.info("%s", line)


@contextmanager
def collecting_ends() -> Iterator[EndedSweeps]:
    """What the sweeps inside leave, in the place of their tables."""
    ended = EndedSweeps()
    token = _collected.set(ended)
    try:
        yield ended
    finally:
        _collected.reset(token)
