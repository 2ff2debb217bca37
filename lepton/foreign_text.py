"""Text from outside (paths, class names, messages of errors) as what can be shown: text."""

import logging
import re
import sys
import traceback
import warnings
from types import TracebackType
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    import pandas as pd

# what moves a terminal's cursor, ends a line, turns the direction of reading, or is no character
UNPRINTABLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    "\ufff9-\ufffb\ufffe\uffff\ud800-\udfff\U000e0000-\U000e007f]"
)
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")  # of cells that a spreadsheet computes


def printable(text: object, *, one_line: bool = False) -> str:
    r"""The text with every character that a terminal or a page would obey written as \x1b is.

    Line breaks stay, unless it shall be `one_line`.

    >>> print(printable("a\x1b[2Jb"))
    a\x1b[2Jb
    """
    text = UNPRINTABLE.sub(_escape, str(text))
    return text.replace("\n", "\\n") if one_line else text


def _escape(match: re.Match) -> str:
    return match[0].encode("unicode_escape").decode("ascii")


def say(text: object, *, file: TextIO | None = None) -> None:
    """Prints text, of which no character is obeyed, on standard output or into `file`."""
    print(printable(text), file=file or sys.stdout)


class PlainFormatter(logging.Formatter):
    """Formats what is logged so that no character of it is obeyed."""

    def format(self, record: logging.LogRecord) -> str:
        return printable(super().format(record))


def show_errors_as_text() -> None:
    """Lets Python print tracebacks and warnings as text too."""
    format_warning = warnings.formatwarning
    warnings.formatwarning = lambda *about, **line: printable(format_warning(*about, **line))
    sys.excepthook = _print_exception


def _print_exception(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    say("".join(traceback.format_exception(kind, error, trace)).rstrip(), file=sys.stderr)


def spreadsheet_safe(frame: "pd.DataFrame") -> "pd.DataFrame":
    """The frame with ' before each text that a spreadsheet would compute; numbers stay numbers."""
    import pandas as pd

    safe = frame.rename(columns=_spreadsheet_cell)
    for i, dtype in enumerate(safe.dtypes):
        if dtype.kind not in "biufcmM":
            cells = [_spreadsheet_cell(cell) for cell in safe.iloc[:, i]]
            safe.isetitem(i, pd.Series(cells, safe.index, dtype=object))  # map makes 7, None floats
    return safe


def _spreadsheet_cell(value: object) -> object:
    """The value, a text that begins as a formula with ' before it."""
    if not isinstance(value, str):
        return value
    value = UNPRINTABLE.sub(_escape, value)
    return f"'{value}" if value.startswith(FORMULA_STARTS) and not _is_number(value) else value


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
