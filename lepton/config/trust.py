"""Trust in packages: those that a `_target_` may name, and what it takes to allow another."""

import os
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from lepton.errors import ConfigError
from lepton.groups import GROUPS

if TYPE_CHECKING:
    from omegaconf import DictConfig

ALLOW_VARIABLE = "LEPTON_ALLOW"  # further packages, comma-separated; workers inherit it
TRUSTED_PREFIXES = tuple(
    dict.fromkeys(prefix for g in GROUPS.values() for prefix in (*g.targets, *g.parts))
)
OWN_COMMAND = re.compile(r"lepton\.\w+\.derivation\.\w+")  # commands that make runs of others
PLUGIN_PREFIXES = (  # of Hydra's own part of a config
    "hydra_plugins.",
    "hydra._internal.core_plugins.",
    "optuna.samplers.",
    "optuna.pruners.",
)


def allow(*packages: str) -> None:
    """Lets `_target_`s name these packages, here and in worker processes."""
    os.environ[ALLOW_VARIABLE] = ",".join(dict.fromkeys([*_allowed_packages(), *packages]))


def is_allowed(name: str) -> bool:
    """True when a dotted name lies inside a package that `_target_`s may use."""
    prefixes = TRUSTED_PREFIXES + tuple(f"{p}." for p in _allowed_packages())
    return name.startswith(prefixes) or bool(OWN_COMMAND.fullmatch(name))


def _allowed_packages() -> list[str]:
    """The packages that the user allowed."""
    return [package for package in os.environ.get(ALLOW_VARIABLE, "").split(",") if package]


def refusal(path: str, name: str) -> str:
    """The line that refuses the `_target_` of the node at `path`."""
    package = name.split(".")[0]
    return (
        f"{path}._target_: {name!r} is not in a trusted package; if you trust it, --allow {package}"
    )


def find_targets(node: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yields the place and the name of every `_target_` inside nested values."""
    if isinstance(node, dict) and "_target_" in node:
        yield f"{path}._target_", str(node["_target_"])
    if isinstance(node, dict | list):
        for key, value in node.items() if isinstance(node, dict) else enumerate(node):
            yield from find_targets(value, f"{path}.{key}")


def check_plugins(hydra_cfg: "DictConfig") -> None:
    """Checks Hydra's own part of a config, of which a sweep makes objects.

    Raises: ConfigError for each target that is neither a plugin nor in a trusted package.
    """
    from omegaconf import OmegaConf

    problems = [
        f"{path}: {name!r} is not a plugin of Hydra's"
        for path, name in find_targets(OmegaConf.to_container(hydra_cfg, resolve=False), "hydra")
        if not (name.startswith(PLUGIN_PREFIXES) or is_allowed(name))
    ]
    if problems:
        raise ConfigError(*problems)
