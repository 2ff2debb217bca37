"""What to type instead of words of `lepton train` that are no `key=value`, or name a file."""

import re
import shlex
from collections.abc import Collection, Mapping
from pathlib import Path

from lepton.config.words import typed

NEXT_WORD = re.compile(r"\s(?=[+~]*[A-Za-z_][\w.@/]*=(?!=))")  # inside of a word that holds several
MOST_GROUPS = 2  # that are named where several have an option; `none` is in nearly all


def misread_hint(text: str, options_by_group: Mapping[str, Collection[str]]) -> str:
    """What a word seems to mean that cannot be read: `; write ...`, or nothing."""
    if "=" in text:
        words = NEXT_WORD.split(text)
        joined = " ".join(map(shlex.quote, words))
        return f"; write {len(words)} words: {joined}" if len(words) > 1 else ""
    name = text.lstrip("-")
    if name in options_by_group:
        return f"; write {name}=OPTION, `lepton list {name}` shows them"
    groups = [group for group, options in options_by_group.items() if name in options]
    if 0 < len(groups) <= MOST_GROUPS:
        return f"; write {' or '.join(f'{group}={name}' for group in groups)}"
    return file_hint("dataset", text, options_by_group.get("dataset", ()))


def file_hint(group: str, name: str, options: Collection[str]) -> str:
    """How the option of a group that is named as a file's ending is given the file, or nothing."""
    option = Path(name).suffix.lower().removeprefix(".")
    return f"; write {group}={option} {typed(f'{group}.path', name)}" if option in options else ""
