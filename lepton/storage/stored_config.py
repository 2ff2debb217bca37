"""Looks at the config that a run has stored before anything is made of it: others may have written
it."""

from collections.abc import Mapping
from typing import Any

from lepton.errors import Damaged
from lepton.groups import GROUPS
from lepton.storage.bounded_parsing import check_interpolations

ALWAYS_NODES = ("dataset", "task")  # where a run has them at all; other groups may have no option
NODES = ("choices", "revisions", "derived", "evaluation")  # beside the groups


def check_stored_config(config: dict[str, Any]) -> None:
    """Raises: Damaged for a config of other types than lepton writes, or whose texts multiply."""
    for key in config.keys() & {*GROUPS, *NODES}:
        value = config[key]
        if not (isinstance(value, dict) or (value is None and key not in ALWAYS_NODES)):
            raise Damaged(_strange(key, value))
    _check_values("choices", config.get("choices"), str | None)
    _check_values("revisions", config.get("revisions"), int)
    check_interpolations(config)


def _check_values(name: str, node: Mapping[Any, Any] | None, allowed: Any) -> None:
    for key, value in (node or {}).items():
        if not (isinstance(key, str) and isinstance(value, allowed)):
            raise Damaged(_strange(f"{name}.{key}", value))


def _strange(key: str, value: Any) -> str:
    return f"not a config of lepton's: {key} is {value!r:.60}"
