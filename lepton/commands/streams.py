"""Standard output and error of a command: what cannot be printed never ends it."""

import io
import locale
import os
import select
import sys
from contextlib import suppress
from typing import TextIO, cast


def use_utf8() -> None:
    """Starts this process anew where Python would read and write files in another encoding."""
    if sys.flags.utf8_mode or locale.getencoding().lower() in ("utf-8", "utf8"):
        return
    if os.environ.get("PYTHONUTF8") == "1" or not sys.executable:
        return  # it has been tried
    os.environ["PYTHONUTF8"] = "1"
    if sys.stdout is not None:
        os.environ.setdefault("PYTHONIOENCODING", sys.stdout.encoding)
    os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])


def guard_streams() -> None:
    """Lets printing go on where nobody reads, nothing can be written, or a character is unknown.

    Streams that somebody else has put there, as tests do, stay.
    """
    _fill_descriptors()
    for name, descriptor in (("stdout", 1), ("stderr", 2)):
        stream, original = getattr(sys, name), getattr(sys, f"__{name}__")
        if stream is original and not isinstance(stream, GuardedStream):
            guarded = GuardedStream(descriptor, stream)
            setattr(sys, name, guarded)
            setattr(sys, f"__{name}__", guarded)


def _fill_descriptors() -> None:
    """Opens a closed descriptor, which would else be that of the next file that is opened."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            _to_nowhere(descriptor)


def _to_nowhere(descriptor: int) -> None:
    """Lets a descriptor take everything and keep nothing."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    if nowhere != descriptor:
        os.dup2(nowhere, descriptor)
        os.close(nowhere)


class PassingLine:
    """A line on a terminal's standard error that goes before anything else is written.

    What is written past the guarded streams, as C code does, comes behind it.
    """

    def __init__(self):
        self.text = ""

    def show(self, text: str) -> None:
        """Lets the text stand in place of what stood there."""
        if sys.stderr is None or not sys.stderr.isatty():
            return
        sys.stderr.flush()
        self.take_back()
        self.text = text
        self._write(text)

    def take_back(self) -> None:
        if self.text:
            blank, self.text = " " * len(self.text), ""
            self._write(f"\r{blank}\r")

    def _write(self, text: str) -> None:
        with suppress(OSError):  # a terminal that is gone
            os.write(2, text.encode())


passing_line = PassingLine()


class _Descriptor(io.RawIOBase):
    """Writes to a descriptor; from the first time that this fails, to nowhere."""

    def __init__(self, descriptor: int):
        self.descriptor = descriptor

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self.descriptor

    def isatty(self) -> bool:
        return os.isatty(self.descriptor)

    def write(self, data: bytes) -> int:
        passing_line.take_back()
        while True:
            try:
                return os.write(self.descriptor, data)
            except BlockingIOError:  # a terminal or pipe that another process set so
                select.select([], [self.descriptor], [])
            except OSError:  # a closed pipe, a full disk, a terminal that is gone
                _to_nowhere(self.descriptor)


class GuardedStream(io.TextIOWrapper):
    """A stream as the one it replaces, in which characters unknown to its encoding are escaped."""

    def __init__(self, descriptor: int, replaced: TextIO | None):
        if replaced is not None:
            replaced.flush()
        self.replaced = replaced  # whose end would close the descriptor
        raw = _Descriptor(descriptor)
        super().__init__(
            io.BufferedWriter(cast(io.RawIOBase, raw)),
            encoding=replaced.encoding if replaced else "utf-8",
            errors="backslashreplace",
            line_buffering=descriptor == 2 or raw.isatty(),
            write_through=getattr(replaced, "write_through", False),
        )

    def write(self, text: str) -> int:
        try:
            return super().write(text)
        except UnicodeError:  # of an encoding that asks for more than characters
            with suppress(UnicodeError):
                super().write(ascii(text)[1:-1])
            return len(text)
