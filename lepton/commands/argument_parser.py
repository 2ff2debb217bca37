"""The parser of commands whose words are flags and names, not overrides."""

import argparse
from collections.abc import Sequence
from typing import NoReturn

from lepton.errors import LeptonError


class CommandParser(argparse.ArgumentParser):
    """Tells a mistake in one line as lepton does, in every version of Python."""

    def __init__(self, command: str, usage: str, *, allow_abbrev: bool = True) -> None:
        super().__init__(
            prog=f"lepton {command}", usage=usage, add_help=False, allow_abbrev=allow_abbrev
        )
        self.command = command

    def error(self, message: str) -> NoReturn:
        message = message.replace("the following arguments are required:", "give")
        raise LeptonError(f"{self.command}: {message}; {self.usage}")


def where_as_flag(arguments: Sequence[str]) -> list[str]:
    """The words with `--where=CONDITION` for `where=CONDITION`, as commands with keys take it."""
    return [f"--{word}" if word.startswith("where=") else word for word in arguments]


def split_names(text: str | None) -> list[str] | None:
    """The names between the commas of a flag's value; None where the flag was left out."""
    return None if text is None else [name.strip() for name in text.split(",") if name.strip()]
