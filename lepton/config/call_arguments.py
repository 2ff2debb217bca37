"""Arguments of calls in Python, which may be anything: each as what it should be, or a line."""

from collections.abc import Iterable
from os import PathLike, fspath
from pathlib import Path

from lepton.errors import LeptonError
from lepton.foreign_text import printable


def given_path(call: str, value: object, right: str) -> Path:
    """A folder that a call was given by its path or its name, or as a result, which has a path.

    Raises: LeptonError for anything else, with the call that would be right.
    """
    if not isinstance(value, str | PathLike):
        raise LeptonError(f"{call}: {_shown(value)} is no folder and no name; {right}")
    return Path(fspath(value))


def given_name(argument: str, value: object, example: str) -> str | None:
    """A name that an argument was given, or None.

    Raises: LeptonError for anything else, with what would be right.
    """
    if value is None or isinstance(value, str):
        return value
    raise LeptonError(f"{argument}: {_shown(value)} is no name; {argument}={example!r}")


def given_words(call: str, words: Iterable[object], example: str) -> list[str]:
    """The words of a call, each a string.

    Raises: LeptonError for anything else, with what would be right.
    """
    checked = []
    for word in words:
        if not isinstance(word, str):
            right = f"{call}(*words)" if isinstance(word, list | tuple) else f"{call}({example!r})"
            raise LeptonError(f"{call}: {_shown(word)} is no word; each is a string, as in {right}")
        checked.append(str(word))
    return checked


def _shown(value: object) -> str:
    text = repr(value)
    return f"a {type(value).__name__}" if "\n" in text else printable(f"{text:.60}", one_line=True)
