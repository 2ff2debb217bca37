"""What completes the last word of a line: read off the help of commands and the files in conf/.

A command takes what the first line of its help says: STUDY is a study's name, RUN a run's folder,
`group[/option]` what `lepton list` shows, `GROUP=OPTION` an option of a group, and where there is a
`key=value`, keys of its file in conf/; its flags are those that the help tells.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from lepton.commands.help_text import SHARED_FLAGS, command_help, head_line
from lepton.config.commands import CommandRoot, command_roots
from lepton.config.options import CONF_DIR, find_options
from lepton.scaffold.template import KINDS
from lepton.storage.cache_entries import cache_entries
from lepton.storage.run_folder import STATE_SUFFIXES, may_be_run

FLAG = re.compile(r"(?<![\w-])--?[a-z][\w-]*")
KEY = re.compile(r"^([a-z]\w*):", re.MULTILINE)


def completions(words: list[str], commands: Mapping[str, str]) -> list[str]:
    """Words that the last of `words` may become, which come after `lepton`.

    `commands` are those of modules; Hydra completes what trains.
    """
    *before, word = words
    roots = {name: root for name, root in command_roots().items() if name not in commands}
    if before[:1] == ["check"] and before[1:2] and before[1] in roots:
        before = before[1:]
    if not before:
        offered: Iterable[str] = (*commands, *roots)
    elif before[0] in roots:
        offered = _of_root(roots[before[0]], before[1:], word)
    elif before[0] in commands:
        offered = _of_help(command_help(commands[before[0]]), word)
        offered = [*offered, *roots] if before == ["check"] else offered
    else:
        offered = ()
    return sorted({text for text in offered if text.startswith(word)})


def _of_help(text: str, word: str) -> Iterable[str]:
    """What the help of a command says that it takes."""
    if word.startswith("-"):
        return FLAG.findall(text)
    _, command, *usage = [*head_line(text)[0].split(), "", ""]
    literals = [part.strip("[]") for part in usage if re.fullmatch(r"[a-z]+|\[[a-z]+\]", part)]
    places = [PLACES[name] for name in PLACES for part in usage if name in (part, part.strip("[]"))]
    return [*literals, *(text for place in places for text in place()), *_settings(usage, command)]


def _settings(usage: list[str], command: str) -> list[str]:
    """The options that a usage asks for as GROUP=OPTION, and the keys of the command's file."""
    words = [part.strip("[]") for part in usage]
    groups = [word.removesuffix("=OPTION") for word in words if word.endswith("=OPTION")]
    found = [f"{group}={name}" for group in groups for name in find_options().get(group, {})]
    path = CONF_DIR / f"{command}.yaml"
    keys = KEY.findall(_text(path)) if "key=value" in words and path.is_file() else []
    return [*found, *(f"{key}=" for key in keys if key != "defaults")]


def _of_root(root: CommandRoot, before: list[str], word: str) -> Iterable[str]:
    """The keys of a command that makes runs of others, the options of its groups, their keys."""
    key, equals, _ = word.partition("=")
    options = {key: find_options().get(group, {}) for key, group in root.groups.items()}
    if word.startswith("-"):
        return FLAG.findall("\n".join(SHARED_FLAGS))
    if equals and key in options:
        return [f"{key}={option}" for option in options[key]]
    if equals and key == "runs":
        return [f"runs={place}" for place in (*_studies(), *_runs())]
    keys = [*KEY.findall(_text(root.path)), *root.groups]
    chosen = dict(text.split("=", 1) for text in before if "=" in text)
    for group_key, paths in options.items():
        if (path := paths.get(chosen.get(group_key, ""))) is not None:
            keys += [f"{group_key}.{name}" for name in KEY.findall(_text(path))]
    return [f"{name}=" for name in keys if name not in ("defaults", "hydra")]


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")


def _studies() -> list[str]:
    return [path.name for path in Path("runs").glob("[!.]*") if path.is_dir()]


def _runs() -> list[str]:
    paths = Path("runs").glob("[!.]*/[!.]*")
    return [str(path) for path in filter(may_be_run, paths) if path.suffix not in STATE_SUFFIXES]


def _groups_and_options() -> list[str]:
    options = find_options()
    return [*options, *(f"{group}/{name}" for group, names in options.items() for name in names)]


PLACES: dict[str, Callable[[], list[str]]] = {
    "STUDY": _studies,
    "RUN": _runs,
    "[group[/option]": _groups_and_options,
    "KIND": lambda: ["project", *KINDS],
    "WHAT": lambda: [entry.kind for entry in cache_entries()],
}
