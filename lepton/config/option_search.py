"""Search of a word in the options of all groups: their names, keys and comments."""

import re
from pathlib import Path

from lepton.config.options import find_options

KEY_LINE = re.compile(r"^( *)([\w.]+):(?: +([^#]*?))? +# (.*)$")


def search_options(word: str) -> list[str]:
    """A line for each option whose name, head or keys hold the word, with the lines of the keys."""
    lines = []
    for group, options in find_options().items():
        for name, path in options.items():
            lines += _found(f"{group}/{name}", path, word.lower())
    return lines


def _found(option: str, path: Path, word: str) -> list[str]:
    """The option with its head, and its keys that hold the word; nothing where none does."""
    text = path.read_text(encoding="utf-8", errors="replace").splitlines()
    comments = [line.removeprefix("#").strip() for line in text if line.startswith("#")]
    head = [line for line in comments if not line.startswith("@package")]
    matches = [match for line in text if (match := KEY_LINE.match(line))]
    keys = [
        f"    {match[2]}={match[3] or ''}  {match[4]}"
        for match in matches
        if word in f"{match[2]} {match[4]}".lower()
    ]
    if not keys and word not in " ".join([option, *head]).lower():
        return []
    return [f"{option}  {head[0] if head else ''}".rstrip(), *keys]
