"""The help of commands: the docstrings of their modules, read without importing these.

A first line says what the command does, as `lepton NAME WORDS`: SENTENCE; then comes what it takes,
then examples.
"""

import ast
import importlib.util
import re
from collections.abc import Iterable, Mapping

from lepton.config.commands import CommandRoot

HEAD = re.compile(r"`(lepton [^`]+)`: (.*?)\.?$")
EXAMPLES = re.compile(r"(\n\nexamples?:|\Z)")
SUMMARY_COLUMN = 36  # where summaries begin; a longer usage has a line of its own
KEY_LINE = re.compile(r"[a-z]\w*: *[^ #]")
SHARED_FLAGS = (
    "  --config-dir FOLDER   your own groups and options (conf/ here is found by itself)",
    "  --allow PACKAGE       lets a _target_ name something in your own package",
)
OVERVIEW_END = """
  lepton COMMAND --help   what it takes, and examples
  lepton --version
  completion of words:    eval "$(lepton -sc install=bash)", or zsh; in fish
                          lepton -sc install=fish | source\
"""


def overview(commands: Mapping[str, str], roots: Mapping[str, CommandRoot]) -> str:
    """The help of lepton itself: a line or two for each command."""
    others = [root for name, root in roots.items() if name not in commands]
    texts = [*map(command_help, commands.values()), *map(root_help, others)]
    heads = [head_line(text) for text in texts]
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
    """The docstring of a command's module, with the flags that every command takes."""
    spec = importlib.util.find_spec(module)
    source = getattr(spec.loader, "get_source", lambda _: None)(module) if spec else None
    text, heading, examples = EXAMPLES.split(
        ast.get_docstring(ast.parse(source or "")) or "", maxsplit=1
    )
    has_flags = text.rpartition("\n")[2].startswith("  ")
    return "\n".join([text, *([] if has_flags else [""]), *SHARED_FLAGS]) + heading + examples


def root_help(root: CommandRoot) -> str:
    """What the file of a command that makes runs of others says: its head, then its keys."""
    lines = root.path.read_text(encoding="utf-8", errors="replace").splitlines()
    head = [line for line in lines if line.startswith("#") and "@package" not in line]
    summary, *more = [line.removeprefix("#").removeprefix(" ") for line in head] or [""]
    summary = summary.removeprefix(f"lepton {root.name}: ")
    options = "".join(f" [{key}=OPTION]" for key in root.groups)
    keys = [line for line in lines if KEY_LINE.match(line)]
    choices = [f"  {key}=OPTION: `lepton list {group}`" for key, group in root.groups.items()]
    return "\n".join(
        [
            f"`lepton {root.name} runs=RUNS{options} [key=value ...]`: {summary}",
            "",
            *(f"  {line}" for line in keys),
            *choices,
            "",
            *SHARED_FLAGS,
            *(["", "examples:", *more] if more else []),
        ]
    )


def head_line(text: str) -> tuple[str, str]:
    """How a command is called, and what it does, of the first line of its help."""
    first = text.partition("\n")[0]
    match = HEAD.match(first)
    return (match[1], match[2].partition(";")[0]) if match else (first, "")
