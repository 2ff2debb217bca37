"""What a training needs to be told of files, and somebody who only looks at the data does not."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from lepton.errors import DataError

_told: ContextVar[list[str] | None] = ContextVar("told faults", default=None)


@contextmanager
def faults_told() -> Iterator[list[str]]:
    """Faults of files end nothing inside; yields what a training would end with."""
    faults: list[str] = []
    token = _told.set(faults)
    try:
        yield faults
    finally:
        _told.reset(token)


def tell_fault(fault: DataError) -> None:
    """Keeps what is wrong, for whoever looks at the data. Raises: the fault, in a training."""
    told = _told.get()
    if told is None:
        raise fault
    told.append(str(fault))
