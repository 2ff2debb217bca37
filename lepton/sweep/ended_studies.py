"""The studies of a sweep that has ended: their tables are shown, or whoever asked gets them."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from lepton.analysis.table import show_study

_collected: ContextVar[list[Path] | None] = ContextVar("collected", default=None)


def show_or_collect(studies: Iterable[Path]) -> None:
    """Shows the tables of studies, or adds their folders to those that are collected."""
    collected = _collected.get()
    for study in studies:
        if collected is None:
            show_study(study)
        else:
            collected.append(study)


@contextmanager
def collecting_studies() -> Iterator[list[Path]]:
    """The folders of the studies whose sweeps end inside, in the place of their tables."""
    studies: list[Path] = []
    token = _collected.set(studies)
    try:
        yield studies
    finally:
        _collected.reset(token)
