"""The pyproject.toml of the working directory: the packages beside it that it trusts."""

import importlib.util
import os
import tomllib
from pathlib import Path
from typing import Any

from lepton.config.trust import allow
from lepton.errors import ConfigError

PROJECT_FILE = Path("pyproject.toml")
NAME = "lepton"  # of the table, in whichever way TOML writes it
KEY = f"tool.{NAME}.allow"
MOST_BYTES = 2**20  # of a file that a person writes


def allow_own_packages() -> None:
    """Trusts what the pyproject.toml here lists under `[tool.lepton] allow`.

    Raises: ConfigError for what is no list of names, and for a package that lies elsewhere.
    """
    if packages := own_packages():
        allow(*packages)


def own_packages() -> list[str]:
    """The packages that the pyproject.toml here lists, each of which lies beside it.

    Those of others are refused: a file that came with a folder may not open what lies outside.
    Raises: ConfigError, as above.
    """
    names = _listed()
    for name in names:
        if not (isinstance(name, str) and name.isidentifier()):
            raise ConfigError(f"{PROJECT_FILE}: {KEY}: {name!r} is no name of a package")
        if not (Path(name).is_dir() or Path(f"{name}.py").is_file()):
            raise ConfigError(
                f"{PROJECT_FILE}: {KEY}: no folder {name} and no {name}.py here; what lies "
                f"elsewhere is trusted by --allow {name}"
            )
        outside = (place for place in _places(name) if not place.is_relative_to(Path.cwd()))
        if place := next(outside, None):
            raise ConfigError(
                f"{PROJECT_FILE}: {KEY}: {name!r} is imported from {place}, not from this folder; "
                "rename the one here"
            )
    return names


def _listed() -> list[Any]:
    text = _text()
    if NAME not in text:  # others' mistakes in it are no matter of lepton
        return []
    if len(text) > MOST_BYTES:
        raise ConfigError(f"{PROJECT_FILE}: longer than {MOST_BYTES} bytes")
    try:
        tools = tomllib.loads(text).get("tool", {})
    except (tomllib.TOMLDecodeError, RecursionError) as e:
        raise ConfigError(f"{PROJECT_FILE}: is no TOML: {e}") from e
    table = tools.get(NAME, {}) if isinstance(tools, dict) else {}
    names = table.get("allow", []) if isinstance(table, dict) else None
    if not isinstance(names, list):
        raise ConfigError(f'{PROJECT_FILE}: {KEY}: a list of names is wanted, as ["my_project"]')
    if unknown := [key for key in table if key != "allow"]:
        raise ConfigError(f"{PROJECT_FILE}: tool.lepton.{unknown[0]}: no such key; allow is one")
    return names


def _text() -> str:
    """The beginning of the file; nothing where it is none, as a pipe that never ends."""
    try:
        if not PROJECT_FILE.is_file():
            return ""
        with PROJECT_FILE.open("rb") as file:
            return file.read(MOST_BYTES + 1).decode("utf-8", "replace")
    except OSError:
        return ""


def _places(name: str) -> list[Path]:
    """Where Python would import a package from, several of one without `__init__.py`; none where it
    would find none."""
    try:
        spec = importlib.util.find_spec(name)
    except ValueError:  # of a module without one, as __main__
        return [Path(name)]
    if spec is None:
        return []
    if spec.origin in ("built-in", "frozen"):
        return [Path(os.__file__).parent]
    places = [spec.origin] if spec.origin else [*(spec.submodule_search_locations or [])]
    return [Path(place).resolve() for place in places]
