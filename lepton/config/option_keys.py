"""The keys that the options of a group take, read from their files and from their classes."""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from lepton.config.options import find_options
from lepton.config.signature import Signature, TargetError, read_signature
from lepton.errors import did_you_mean
from lepton.groups import ROOT_VALUES, TRAINING_GROUPS

KEY = re.compile(r"^ *(\w+):", re.MULTILINE)
OWN_KEY = re.compile(r"^(\w+):", re.MULTILINE)
TARGET = re.compile(r"^ *_target_: *([\w.]+)", re.MULTILINE)
MOST_GROUPS = 2  # that are named where several have a key


def roots() -> list[str]:
    """The groups of a training and the other keys of a config's root."""
    own = [group for group in find_options() if "/" not in group]
    return list(dict.fromkeys([*ROOT_VALUES, *TRAINING_GROUPS, *own]))


def known_keys(like: str) -> list[str]:
    """The names that `like` may be meant for: those of the root, or of its group's keys."""
    group, dot, _ = like.partition(".")
    if not dot or group not in TRAINING_GROUPS:
        return roots()
    files = find_options().get(group, {}).values()
    texts = [_text(file) for file in files]
    keys = {key for text in texts for key in KEY.findall(text)}
    for signature in (_signature(target) for text in texts for target in TARGET.findall(text)):
        keys |= set(signature.parameters) if signature else set()
    return [f"{group}.{key}" for key in sorted(keys)]


def is_known_key(name: str) -> bool:
    """True for a key of the root, for a group, and for a key that some option of a group takes."""
    root, _, path = name.partition(".")
    if root not in roots():
        return False
    return not path or root not in TRAINING_GROUPS or takes_key(root, path)


def takes_key(group: str, path: str) -> bool:
    """True when some option of a group takes the key at this path below the group."""
    key, row = path.split("."), TRAINING_GROUPS[group]
    files = find_options().get(group, {})
    if row.several:
        name, *key = key
        files = {name: files[name]} if name in files else {}
    if not key or key[0] in {*row.keys, *row.own_keys}:
        return bool(files)
    return any(_file_takes(file, key[0]) for file in files.values())


def place_of_key(key: str, config: Mapping[str, Any]) -> str:
    """The end of a line on a key that the root lacks: what it is called in full, or may mean.

    Looked for in what was chosen, there also as words of a longer name, then in all options.
    """
    groups = [group for group, row in TRAINING_GROUPS.items() if not row.several]
    chosen = [
        (group, name)
        for group in groups
        if isinstance(node := config.get(group), Mapping)
        for name in node
    ]
    words = {*key.split("_")}
    options = [option for option, files in find_options().items() if key in files]
    for names in (
        [f"{group}.{name}" for group, name in chosen if name == key],
        [f"{group}.{name}" for group, name in chosen if words <= {*str(name).split("_")}],
        [
            f"{group}.{key}, a key of {group}={', '.join(names)}"
            for group in groups
            if (names := _options_with_own_key(group, key))
        ],
        [f"{group}={key}" for group in options],
    ):
        if 0 < len(names) <= MOST_GROUPS:
            return f"; write {' or '.join(names)}"
    return ""


def options_with_key(prefix: str, key: str) -> str:
    """The end of a line on a key that an option lacks: the others of its group that have it.

    `prefix` is what stands before the key, `GROUP.` or something longer.
    """
    group = prefix.removesuffix(".")
    names = _options_with_own_key(group, key) if group in TRAINING_GROUPS else []
    return f"; a key of {group}={', '.join(names)}" if names else ""


def unchosen_option(path: str) -> str | None:
    """What to type for keys at the path of an option that was not chosen, of a group that takes
    several; None where it was, and its file names no class."""
    if (place := _several_option(path)) is None:
        return None
    group, name, files = place
    if name not in files:
        return f"there is no {group}={name}{did_you_mean(name, files)}"
    if not TARGET.search(_text(files[name])):
        return None
    return f"{group}={name} is not chosen; add it, several as {group}=[A,B]"


def keys_not_value(path: str) -> str | None:
    """What to type for a value at the path of an option, of a group that takes several; None of
    other groups. Where options have a key of this name, it is that."""
    if (place := _several_option(path)) is None:
        return None
    group, name, files = place
    if name in files:
        return f"write {group}={name}, and its keys as {group}.{name}.KEY=VALUE"
    names = [option for option, file in files.items() if name in KEY.findall(_text(file))]
    if 0 < len(names) <= MOST_GROUPS:
        return f"write {' or '.join(f'{group}.{option}.{name}' for option in names)}"
    if names:
        return f"write {group}.NAME.{name}, where NAME is that of {', '.join(names)} that is chosen"
    return f"there is no {group}={name}{did_you_mean(name, files)}"


def _several_option(path: str) -> tuple[str, str, dict[str, Path]] | None:
    """The group, the option and the group's files for the path of an option of several; else
    None."""
    group, dot, name = path.partition(".")
    row = TRAINING_GROUPS.get(group)
    if row is None or not row.several or not dot or "." in name:
        return None
    return group, name, find_options().get(group, {})


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8", errors="replace")


def _options_with_own_key(group: str, key: str) -> list[str]:
    texts = {name: _text(file) for name, file in find_options().get(group, {}).items()}
    return [name for name, text in texts.items() if key in OWN_KEY.findall(text)]


def _file_takes(file: Path, key: str) -> bool:
    """True when the file of an option gives the key, or a class that it names takes it."""
    text = _text(file)
    if key in KEY.findall(text):
        return True
    return any(class_takes(target, key) for target in TARGET.findall(text))


def class_takes(target: str, key: str) -> bool:
    """True when a class takes an argument of this name; false where it cannot be read."""
    signature = _signature(target)
    return signature is not None and (signature.takes_any_key or key in signature.parameters)


@cache
def _signature(target: str) -> Signature | None:
    try:
        return read_signature(target)
    except TargetError:
        return None
