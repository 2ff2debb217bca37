"""The config groups and their options: lepton's conf folder, and the user's."""

import os
from pathlib import Path

from lepton.errors import ConfigError

PACKAGE_DIR = Path(__file__).resolve().parents[1]
CONF_DIR = next(
    folder
    for folder in (PACKAGE_DIR / "conf", PACKAGE_DIR.parent / "conf")
    if (folder / "train.yaml").is_file()
)
CONFIG_DIR_VARIABLE = "LEPTON_CONFIG_DIR"  # the environment carries it to worker processes
MULTI_CHOICE_GROUPS = ("regularization",)  # groups of which several options may be chosen at once
COMMAND_GROUPS = ("ensemble",)  # groups of commands that read finished runs


def config_dirs() -> list[Path]:
    """lepton's own conf folder, then the user's: named by --config-dir, or conf/ here."""
    named = os.environ.get(CONFIG_DIR_VARIABLE)
    here = Path("conf").resolve()
    if named is None and here.is_dir() and any((here / g).is_dir() for g in _groups_in(CONF_DIR)):
        named = str(here)
    return [CONF_DIR] if named in (None, "", str(CONF_DIR)) else [CONF_DIR, Path(named).resolve()]


def find_options() -> dict[str, dict[str, Path]]:
    """Every group, its options, and the file of each.

    Raises: ConfigError when a user's file has the name of one of lepton's.
    """
    found: dict[str, dict[str, Path]] = {}
    for folder in config_dirs():
        for group in _groups_in(folder):
            for path in sorted((folder / group).glob("*.yaml")):
                taken = found.setdefault(group, {}).setdefault(path.stem, path)
                if taken != path and not path.stem.startswith("_"):
                    raise ConfigError(f"{path}: {group}={path.stem} exists in lepton; rename it")
    visible = {g: {n: p for n, p in o.items() if not n.startswith("_")} for g, o in found.items()}
    return {group: names for group, names in visible.items() if names}


def _groups_in(folder: Path) -> list[str]:
    dirs = sorted(p for p in folder.rglob("*") if p.is_dir() and any(p.glob("*.yaml")))
    return [p.relative_to(folder).as_posix() for p in dirs]
