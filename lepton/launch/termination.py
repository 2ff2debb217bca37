"""SIGTERM as an interruption, for launchers that have processes of their own to end."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from lepton.training.signals import Interrupted


@contextmanager
def interrupted_by_sigterm() -> Iterator[None]:
    """Lets SIGTERM end the workers as Ctrl-C does, where this is the main thread.

    Raises: Interrupted when the signal comes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    if before is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise Interrupted(number, "a part of the sweep")
