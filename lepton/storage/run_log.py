"""The log of a run: all that is said under the logger `lepton` meanwhile, a line each."""

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from lepton.foreign_text import PlainFormatter

log = logging.getLogger("lepton")
FORMAT = PlainFormatter("%(asctime)s %(message)s")
TIME_LENGTH = len("2000-01-01 00:00:00,000")
SHOWN_LINES: set[str] = set()  # that this process has shown, of those that it shows once


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


def log_once(line: str) -> None:
    """Shows a line the first time in a process, then only writes it to the log of the run."""
    if not log.disabled:
        log.log(logging.DEBUG if line in SHOWN_LINES else logging.INFO, "%s", line)
        SHOWN_LINES.add(line)


def log_text(message: str) -> str:
    """A message as it stands in a run's log, said now."""
    return FORMAT.format(log.makeRecord(log.name, logging.DEBUG, "", 0, message, (), None))


def in_order(lines: Iterable[str]) -> list[str]:
    """Lines of a run's log from several places, by their times."""
    return sorted(lines, key=lambda line: line[:TIME_LENGTH])


class CollectedLog(logging.Handler):
    """What is logged under `lepton` meanwhile, in lines as a run's log has them.

    `paused` leaves out what is said of one run alone, which is none of the others'.
    """

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.is_paused = False

    def emit(self, record: logging.LogRecord) -> None:
        if not self.is_paused:
            self.lines.append(self.format(record))

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Collects nothing meanwhile."""
        before, self.is_paused = self.is_paused, True
        try:
            yield
        finally:
            self.is_paused = before


@contextmanager
def collected_log() -> Iterator[CollectedLog]:
    """Collects what is logged under `lepton` meanwhile."""
    handler = CollectedLog()
    with _listening(handler):
        yield handler


class RunLogHandler(logging.FileHandler):
    """Writes a log that a full disk cuts short, and that then does not end the run."""

    def handleError(self, record: logging.LogRecord) -> None:
        pass


@contextmanager
def _listening(handler: logging.Handler) -> Iterator[None]:
    """Lets a handler hear everything under `lepton`, down to what is shown to nobody."""
    handler.setFormatter(FORMAT)
    log.addHandler(handler)
    level = log.level
    log.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        log.setLevel(level)
        log.removeHandler(handler)
