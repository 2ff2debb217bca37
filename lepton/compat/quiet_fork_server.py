"""Imported by the server that forks processes, and by nothing else: what it says of asking ends.

Who is killed while it asks for a process leaves a server, or a process that has just been forked,
reading from a pipe that nobody writes to. Both would print a traceback beside the line of the end.
No public way: they tell it through sys.excepthook. Tried: Python 3.11.
"""

import sys
from types import TracebackType

ASKING_ENDED = (EOFError, ConnectionError)  # what is read from, or written to, is gone


def _quiet(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if not issubclass(kind, ASKING_ENDED):
        sys.__excepthook__(kind, error, trace)


sys.excepthook = _quiet
