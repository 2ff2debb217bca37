"""The log of a run: all that is said under the logger `lepton` meanwhile, a line each."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from lepton.foreign_text import PlainFormatter

log = logging.getLogger("lepton")


@contextmanager
def logged_to(path: Path) -> Iterator[None]:
    """Writes everything said under the logger `lepton` to the run's log as well."""
    handler = RunLogHandler(path, encoding="utf-8", errors="backslashreplace")
    try:
        with _listening(handler):
            yield
    finally:
        with suppress(OSError):
            handler.close()


@contextmanager
def collected_log() -> Iterator[list[str]]:
    """Collects what is logged under `lepton` meanwhile, in lines as a run's log has them."""
    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(handler.format(record))
    with _listening(handler):
        yield lines


class RunLogHandler(logging.FileHandler):
    """Writes a log that a full disk cuts short, and that then does not end the run."""

    def handleError(self, record: logging.LogRecord) -> None:
        pass


@contextmanager
def _listening(handler: logging.Handler) -> Iterator[None]:
    """Lets a handler hear everything under `lepton`, down to what is shown to nobody."""
    handler.setFormatter(PlainFormatter("%(asctime)s %(message)s"))
    log.addHandler(handler)
    level = log.level
    log.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        log.setLevel(level)
        log.removeHandler(handler)
