"""Groups, options and keys with the words that stand beside them in conf/."""

from pathlib import Path

from lepton.config.options import CONF_DIR, config_dirs, find_options
from lepton.errors import LeptonError, did_you_mean


def describe_options(*words: str) -> str:
    """All groups; the options of one group; or the keys, values and comments of one option.

    Raises: LeptonError when there is no such group or option.
    """
    known = find_options()
    if not words:
        return "\n\n".join(_group(group, known[group]) for group in known)
    return "\n\n".join(_describe(word.replace("=", "/"), known) for word in words)


def _describe(word: str, known: dict[str, dict[str, Path]]) -> str:
    if word in known:
        return _group(word, known[word])
    group, _, option = word.rpartition("/")
    if group not in known:
        raise LeptonError(
            f"{word}: no such group{did_you_mean(word, known)} (groups: {', '.join(known)})"
        )
    if option not in known[group]:
        have = ", ".join(known[group])
        raise LeptonError(
            f"{group}={option}: no such option{did_you_mean(option, known[group])} "
            f"(options: {have})"
        )
    return _option(known[group][option])


def _group(group: str, found: dict[str, Path]) -> str:
    width = max(map(len, found))
    return "\n".join(
        [group, *(f"  {name:{width}}  {first_comment(p)}" for name, p in found.items())]
    )


def first_comment(path: Path) -> str:
    """The first comment line of an option."""
    with path.open(encoding="utf-8", errors="replace") as file:
        first = next((line for line in file if not line.startswith("# @package")), "")
    return first.removeprefix("#").strip() if first.startswith("#") else ""


def _option(path: Path) -> str:
    """The option's file, followed by the files that it takes further keys from."""
    import yaml

    text = path.read_text(encoding="utf-8", errors="replace").rstrip()
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError:
        content = None  # shown as it is; `check` says what is wrong with it
    names = content.get("defaults", []) if isinstance(content, dict) else []
    others = [other for name in names if (other := _beside(path, name)) and other != path]
    return "\n\n".join([text, *(f"# from {other.stem}:\n{_option(other)}" for other in others)])


def _beside(path: Path, name: object) -> Path | None:
    """The file of the same group that a defaults list names, wherever conf folders hold it."""
    if not isinstance(name, str) or name == "_self_":
        return None
    folders = [path.parent, *(d / path.parent.name for d in config_dirs()), CONF_DIR]
    return next((f / f"{name}.yaml" for f in folders if (f / f"{name}.yaml").is_file()), None)
