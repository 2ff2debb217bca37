"""The config groups and their options: those in lepton's conf folder, and the user's."""

import itertools
import os
import re
from functools import cache
from pathlib import Path

from lepton.errors import ConfigError
from lepton.groups import GROUPS, SETTING_GROUPS

PACKAGE_DIR = Path(__file__).resolve().parents[1]
CONF_DIR = next(
    folder
    for folder in (PACKAGE_DIR / "conf", PACKAGE_DIR.parent / "conf")
    if (folder / "train.yaml").is_file()
)
PACKAGE_LINE = re.compile(r"#\s*@package\b")
ROOT_TARGET = re.compile(r"^_target_: *(\S+)", re.MULTILINE)
CONFIG_DIR_VARIABLE = "LEPTON_CONFIG_DIR"  # worker processes inherit it


def config_dirs() -> list[Path]:
    """lepton's own conf folder, then the user's: named by --config-dir, or the local conf/."""
    user_dir, local = os.environ.get(CONFIG_DIR_VARIABLE), Path("conf").resolve()
    if user_dir is None and local.is_dir():
        user_dir = str(local) if _holds_options(local) else None
    if user_dir in (None, "", str(CONF_DIR)):
        return [CONF_DIR]
    return [CONF_DIR, Path(user_dir).resolve()]


def root_target(path: Path) -> str | None:
    """The class that a file names at its root, as files of commands do."""
    target = ROOT_TARGET.search(path.read_text(encoding="utf-8", errors="replace"))
    return target[1] if target else None


def find_options() -> dict[str, dict[str, Path]]:
    """Every group, its options, and the file of each.

    Raises: ConfigError when a user's file has the name of one of lepton's.
    """
    options_by_group: dict[str, dict[str, Path]] = {}
    for folder in config_dirs():
        for group, names in _files_by_group(folder).items():
            options = options_by_group.setdefault(group, {})
            for name, path in _named_paths(folder, group, tuple(names)).items():
                if options.setdefault(name, path) is not path and not _is_hidden(name):
                    raise ConfigError(f"{path}: {group}={name} exists in lepton; rename it")
    visible = {
        group: {name: path for name, path in options.items() if not _is_hidden(name)}
        for group, options in options_by_group.items()
    }
    return {group: options for group, options in visible.items() if options}


def file_problem(group: str, path: Path) -> str | None:
    """What of an option's file Hydra would pass over: a list, or a line that says where its keys go
    and is not the first."""
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    content = [line for line in lines if line.strip() and line[0] != "#" and line != "---"]
    if content and re.match("-( |$)", content[0]):
        return f"{path}: holds a list; an option is a mapping, of keys to values"
    head = [*itertools.takewhile(lambda line: not line.strip() or line.lstrip()[0] == "#", lines)]
    comments = [line.strip() for line in head if line.strip()]
    packages = [line for line in comments if PACKAGE_LINE.match(line)]
    if packages and not PACKAGE_LINE.match(comments[0]):
        return f"{path}: {packages[0]!r} counts as the first line alone; put comments below it"
    if group == "experiment" and not packages:
        return f"{path}: an experiment begins with the line '# @package _global_'"
    return None


def are_named(options: dict[str, Path]) -> bool:
    """True when each option of a group of the user's own puts its keys under its own name."""
    texts = [path.read_text(encoding="utf-8", errors="replace") for path in options.values()]
    return not any(re.search("^_target_:", text, re.MULTILINE) for text in texts)


def has_default(group: str) -> bool:
    """True for a group of which conf/train.yaml chooses an option, unlike of a user's own."""
    return group in GROUPS or group in SETTING_GROUPS or group.startswith("hydra/")


def _is_hidden(name: str) -> bool:
    """True for a file that options take keys from, and that is no option itself."""
    return name.startswith("_")


def _holds_options(folder: Path) -> bool:
    """True for a folder with a group of lepton's, a command, or an option with a `_target_`."""
    if any((folder / group).is_dir() for group in _files_by_group(CONF_DIR)):
        return True
    if any(root_target(path) for path in folder.glob("*.yaml")):
        return True
    texts = (path.read_text(encoding="utf-8", errors="replace") for path in folder.glob("*/*.yaml"))
    return any(re.search("^ *_target_:", text, re.MULTILINE) for text in texts)


def _files_by_group(folder: Path) -> dict[str, list[str]]:
    """The names of the YAML files of each folder that has some, in order; text, not paths: fast."""
    inner = [os.path.join(path, name) for path, names, _ in os.walk(folder) for name in names]
    files = {os.path.relpath(path, folder): _yaml_files(path) for path in inner}
    return {group: files[group] for group in sorted(files, key=_parts) if files[group]}


@cache
def _named_paths(folder: Path, group: str, names: tuple[str, ...]) -> dict[str, Path]:
    """The files of a group by the names of their options; to make hundreds of paths takes long."""
    paths = [folder / group / name for name in names]
    return {path.stem: path for path in paths}


def _yaml_files(folder: str) -> list[str]:
    try:
        return sorted(name for name in os.listdir(folder) if name.endswith(".yaml"))
    except OSError:  # a folder that may not be read
        return []


def _parts(group: str) -> list[str]:
    return group.split("/")
