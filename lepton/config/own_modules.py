"""Imports the user's own modules, with a line for what one of them cannot import itself."""

import importlib

from lepton.errors import ConfigError, own_place
from lepton.groups import package_of


def import_own_module(path: str, name: str) -> None:
    """Imports the module of a dotted name at a place in a config, where that is the user's.

    Raises: ConfigError where it asks for a module that there is not.
    """
    if package_of(name) is not None:
        return
    try:
        importlib.import_module(name.rpartition(".")[0])
    except ImportError as e:
        if e.name and not name.startswith(f"{e.name}."):
            place = f" ({place})" if (place := own_place(e)) else ""
            line = f"{path}._target_: {name!r} cannot be imported: {e}{place}"
            raise ConfigError(line) from e
