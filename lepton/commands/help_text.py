"""The help of commands: the docstrings of their modules, read without importing these.

A first line says what the command does, as `lepton NAME WORDS`: SENTENCE; then comes what it takes,
then examples.
"""

import ast
import importlib.util
import re
from collections.abc import Iterable, Mapping

HEAD = re.compile(r"`(lepton [^`]+)`: (.*?)\.?$")
SUMMARY_COLUMN = 36  # where summaries begin; a longer usage has a line of its own
OVERVIEW_END = """
  lepton COMMAND --help   what it takes, and examples
  lepton --version
  completion of words:    eval "$(lepton -sc install=bash)"\
"""


def overview(commands: Mapping[str, str]) -> str:
    """The help of lepton itself: a line or two for each command."""
    heads = [head_line(command_help(module)) for module in commands.values()]
    return "\n".join(["usage: lepton COMMAND ...", "", *_columns(heads), OVERVIEW_END])


def _columns(heads: Iterable[tuple[str, str]]) -> list[str]:
    lines = []
    for usage, summary in heads:
        text = f"  {usage}"
        if len(text) + 2 > SUMMARY_COLUMN:
            lines.append(text)
            text = ""
        lines.append(f"{text:{SUMMARY_COLUMN}}{summary}")
    return lines


def command_help(module: str) -> str:
    """The docstring of a command's module."""
    spec = importlib.util.find_spec(module)
    source = getattr(spec.loader, "get_source", lambda _: None)(module) if spec else None
    return ast.get_docstring(ast.parse(source or "")) or ""


def head_line(text: str) -> tuple[str, str]:
    """How a command is called, and what it does, of the first line of its help."""
    first = text.partition("\n")[0]
    match = HEAD.match(first)
    return (match[1], match[2]) if match else (first, "")
