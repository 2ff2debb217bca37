"""SIGTERM and Ctrl-C while a model trains: asked for once, training saves and ends cleanly.

with interrupt.watching():
    ...                              # after each step:
    if interrupt.requested():
        save()
        raise interrupt.Interrupted(interrupt.requested(), "epoch 3, batch 17")
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

SIGNALS = (signal.SIGTERM, signal.SIGINT)
ASKED: list[int] = []  # the signals that came since watching began


class Interrupted(SystemExit):
    """Training has ended because a signal asked for it; the exit code is 128 and its number."""

    def __init__(self, number: int, place: str):
        super().__init__(128 + number)
        self.number, self.place = number, place

    def __str__(self) -> str:
        name = "Ctrl-C" if self.number == signal.SIGINT else signal.Signals(self.number).name
        kept = "finished runs are kept, the same command goes on from there"
        return f"stopped by {name} after {self.place}; {kept}"


def requested() -> int | None:
    """The signal that asked training to end, or None."""
    return ASKED[0] if ASKED else None


@contextmanager
def watching() -> Iterator[None]:
    """The first signal is noted for `requested`, the second ends at once as KeyboardInterrupt.

    Handlers are the process's: in other threads than the main one, none are set.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in SIGNALS}
    try:
        for number in SIGNALS:
            signal.signal(number, _note)
        yield
    finally:
        ASKED.clear()
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)


def _note(number: int, _) -> None:
    ASKED.append(number)
    if len(ASKED) > 1:
        raise KeyboardInterrupt
