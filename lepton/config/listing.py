"""Listings of the groups, options and keys in conf/, with the comments that stand beside them."""

import re
from pathlib import Path

from lepton.config.option_search import search_options
from lepton.config.options import CONF_DIR, config_dirs, find_options
from lepton.errors import LeptonError, did_you_mean

KEYS = "keys"  # the heading of those that belong to no option


def describe_options(*names: str) -> str:
    """All groups; the options of one group; or the keys, values and comments of one option.

    A word that is none of them is searched in all options.

    Raises: LeptonError when there is no such group or option.
    """
    options_by_group = find_options()
    if not names:
        groups = (_describe_group(*item) for item in options_by_group.items())
        return "\n\n".join([*groups, _describe_keys()])
    return "\n\n".join(_describe(name.replace("=", "/"), options_by_group) for name in names)


def _describe_keys(only: str | None = None) -> str:
    """The keys that are no option's, or one of them, with values and comments."""
    root = _keys(CONF_DIR / "train.yaml") | _keys(CONF_DIR / "task" / "supervised.yaml", "task.")
    keys = {key: words for key, words in root.items() if only in (None, key.partition(".")[0], key)}
    width = max(map(len, [f"{key}={value}" for key, (value, _) in keys.items()]))
    lines = [f"  {f'{key}={value}':{width}}  {note}" for key, (value, note) in keys.items()]
    return "\n".join([KEYS, *lines])


def _keys(path: Path, prefix: str = "") -> dict[str, tuple[str, str]]:
    """Values and comments of a file's keys, but of lists of options and Hydra's own part."""
    keys, parent = {}, ""
    for line in path.read_text(encoding="utf-8").splitlines():
        match = re.match(r"( *)(\w+):(?: +([^#\s].*?))?(?: +# (.*))?$", line)
        if match is None:
            continue
        indent, key, value, note = match.groups(default="")
        parent = parent if indent else key
        if value and parent not in ("defaults", "hydra"):
            keys[f"{prefix}{parent}.{key}" if indent else f"{prefix}{key}"] = value, note
    return keys


def _describe(name: str, options_by_group: dict[str, dict[str, Path]]) -> str:
    if name == KEYS:
        return _describe_keys()
    if name == "task" or name in _keys(CONF_DIR / "train.yaml"):
        group = [_describe_group(name, options_by_group[name])] if name in options_by_group else []
        return "\n\n".join([*group, _describe_keys(name)])
    if name in options_by_group:
        return _describe_group(name, options_by_group[name])
    group, _, option = name.rpartition("/")
    if group not in options_by_group:
        is_word = re.fullmatch(r"\w[\w -]+", name)
        if is_word and (lines := search_options(name)):
            return "\n".join(lines)
        hint, groups = did_you_mean(name, options_by_group), ", ".join(options_by_group)
        searched = ", and no option, key or comment has that word" if is_word else ""
        raise LeptonError(f"{name}: no such group{hint} (groups: {groups}){searched}")
    options = options_by_group[group]
    if option not in options:
        hint = did_you_mean(option, options)
        raise LeptonError(f"{group}={option}: no such option{hint} (options: {', '.join(options)})")
    return _describe_option(options[option])


def _describe_group(group: str, options: dict[str, Path]) -> str:
    width = max(map(len, options))
    lines = [f"  {name:{width}}  {first_comment(path)}" for name, path in options.items()]
    return "\n".join([group, *lines])


def first_comment(path: Path) -> str:
    """The first comment line of an option."""
    with path.open(encoding="utf-8", errors="replace") as file:
        first = next((line for line in file if not line.startswith("# @package")), "")
    return first.removeprefix("#").strip() if first.startswith("#") else ""


def _describe_option(path: Path) -> str:
    """The option's file, followed by the files that it takes further keys from."""
    import yaml

    text = path.read_text(encoding="utf-8", errors="replace").rstrip()
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError:
        content = None  # shown as it is; `check` says what is wrong with it
    defaults = content.get("defaults", []) if isinstance(content, dict) else []
    bases = [base for name in defaults if (base := _base_file(path, name)) and base != path]
    inherited = [f"# from {base.stem}:\n{_describe_option(base)}" for base in bases]
    return "\n\n".join([text, *inherited])


def _base_file(path: Path, name: object) -> Path | None:
    """The file of the same group that a defaults list names, wherever conf folders hold it."""
    if not isinstance(name, str) or name == "_self_":
        return None
    name = name.partition("@")[0]
    folders = [path.parent, *(d / path.parent.name for d in config_dirs()), CONF_DIR]
    return next((f / f"{name}.yaml" for f in folders if (f / f"{name}.yaml").is_file()), None)
