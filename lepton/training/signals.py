"""SIGTERM and Ctrl-C while a model trains: the first one asks training to save and end.

with signals.watching():
    ...                              # after each step:
    if number := signals.requested():
        save()
        raise signals.Interrupted(number, "epoch 3, batch 17")
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

SECONDS_TO_SEND_AGAIN = 0.05  # a signal that came where nothing can be raised
SECONDS_TO_WAIT = 3.0  # after a signal for a place where training can be saved
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
RECEIVED: list[int] = []  # the stop signals that came since watching began


class Interrupted(SystemExit):
    """Training has ended because a signal asked for it; the exit code is 128 and its number."""

    code: int

    def __init__(self, number: int, place: str | None = None):
        super().__init__(128 + number)
        self.number, self.place = number, place

    def __str__(self) -> str:
        name = "Ctrl-C" if self.number == signal.SIGINT else signal.Signals(self.number).name
        advice = "finished runs are kept, the same command goes on"
        if self.place is None:
            return f"stopped by {name}; {advice}"
        return f"stopped by {name} after {self.place}; {advice} from there"


@contextmanager
def interrupted_by_sigterm(place: str | None = None) -> Iterator[None]:
    """Lets SIGTERM end what is inside at any moment, as Ctrl-C does, with all cleaning up.

    Where something else was told to hear it, and in another thread than the main one, it stays so.

    Raises: Interrupted when the signal comes; further ones do not end the cleaning up.
    """

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    if before is not signal.SIG_DFL and not isinstance(before, _Interrupting):
        yield
        return
    signal.signal(signal.SIGTERM, _Interrupting(place))
    try:
        with _heard_in_finalizers():
            yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _heard_in_finalizers() -> Iterator[None]:
    """Sends a signal again that came within a `__del__`: Python drops what its handler raises."""
    before = sys.unraisablehook

    def send_again(unraisable: "sys.UnraisableHookArgs") -> None:
        error = unraisable.exc_value
        if not isinstance(error, KeyboardInterrupt | Interrupted):
            before(unraisable)
            return
        number = signal.SIGINT
        if isinstance(error, Interrupted):
            number = signal.Signals(error.number)
            signal.signal(number, _Interrupting(error.place))
        threading.Timer(SECONDS_TO_SEND_AGAIN, os.kill, (os.getpid(), number)).start()

    sys.unraisablehook = send_again
    try:
        yield
    finally:
        sys.unraisablehook = before


class _Interrupting:
    """The handler of `interrupted_by_sigterm`."""

    def __init__(self, place: str | None) -> None:
        self.place = place

    def __call__(self, number: int, _: object) -> None:
        signal.signal(number, signal.SIG_IGN)
        raise Interrupted(number, self.place)


def requested() -> int | None:
    """The number of the signal that asked training to end, or None."""
    return RECEIVED[0] if RECEIVED else None


class Patience:
    """Lets what is short end after a signal, and ends what is long, from the checkpoint before."""

    def __init__(self) -> None:
        self.signal_seen: float | None = None  # when `check` first saw a signal

    def check(self) -> None:
        """Raises: Interrupted SECONDS_TO_WAIT after the first check that saw a signal."""
        if (number := requested()) is None:
            return
        self.signal_seen = self.signal_seen or time.monotonic()
        if time.monotonic() - self.signal_seen > SECONDS_TO_WAIT:
            raise Interrupted(number, "the last checkpoint")


@contextmanager
def watching() -> Iterator[None]:
    """Notes the first signal for `requested`; the second one ends at once as KeyboardInterrupt.

    Handlers belong to the process: in another thread than the main one, none are set.
    Raises: Interrupted where nobody has asked any more for a signal that came.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handlers = {number: signal.getsignal(number) for number in STOP_SIGNALS}
    try:
        _note_signals()
        yield
        if number := requested():
            raise Interrupted(number)
    finally:
        RECEIVED.clear()
        for number, handler in handlers.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)


def note_alone() -> None:
    """Takes away the handlers that Lightning, inside of `watching`, has put around lepton's.

    They end a fit at the first signal, after a batch or an epoch, before it can be saved.
    """
    if threading.current_thread() is threading.main_thread():
        _note_signals()


def _note_signals() -> None:
    for number in STOP_SIGNALS:
        signal.signal(number, _note)


def _note(number: int, _) -> None:
    RECEIVED.append(number)
    if len(RECEIVED) > 1:
        raise KeyboardInterrupt


@contextmanager
def interruptible(*, saving: bool) -> Iterator[None]:
    """Lets signals end the fit inside: after a checkpoint if it is `saving` them, else at once.

    Lightning turns Ctrl-C into exit code 1 and ignores the next one; here it is a
    KeyboardInterrupt again, and the handler of before is put back. SIGTERM, where it comes while
    Lightning hears signals itself, ends in an exit of its own.
    """
    handler = signal.getsignal(signal.SIGINT)
    try:
        with watching() if saving else nullcontext():
            yield
    except Interrupted:
        raise
    except SystemExit as error:
        from lepton.compat.lightning import SIGTERMException  # in memory by now

        if isinstance(error, SIGTERMException):
            raise Interrupted(signal.SIGTERM) from None
        signal.signal(signal.SIGINT, handler)
        raise KeyboardInterrupt from None
