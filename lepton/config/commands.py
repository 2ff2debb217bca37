"""Commands that make runs of other runs: root files of conf folders whose `_target_` is a class.

`conf/NAME.yaml` is `lepton NAME`: its head says what the command does, its keys are what it takes.
Read line by line: nothing is imported, and help costs no time.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from lepton.config.options import config_dirs, root_target

CHOSEN_GROUP = re.compile(r"^ +- +([\w/]+)@(\w+):", re.MULTILINE)  # of the defaults list


@dataclass(frozen=True)
class CommandRoot:
    """A command's file, the class that it names, and the group of each key that takes an option."""

    name: str
    path: Path
    target: str
    groups: dict[str, str]


def command_roots() -> dict[str, CommandRoot]:
    """The commands of lepton's conf folder and of the user's, by name; lepton's come first."""
    roots: dict[str, CommandRoot] = {}
    for folder in config_dirs():
        for path in sorted(folder.glob("*.yaml")):
            target = root_target(path)
            if target is not None and path.stem not in roots:
                text = path.read_text(encoding="utf-8", errors="replace")
                groups = {key: group for group, key in CHOSEN_GROUP.findall(text)}
                roots[path.stem] = CommandRoot(path.stem, path, target, groups)
    return roots


def option_groups(command: str) -> dict[str, str]:
    """The groups of a command's keys that take an option; none where its file is gone."""
    root = command_roots().get(command)
    return root.groups if root else {}


def command_groups() -> dict[str, str]:
    """The groups whose options commands choose, each with its command."""
    return {group: root.name for root in command_roots().values() for group in root.groups.values()}
