"""Trust in packages: those that a `_target_` may name in each group, and how to allow another."""

import os
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from lepton.config.call_arguments import given_words
from lepton.config.words import shell_word
from lepton.errors import ConfigError
from lepton.groups import GROUPS, owners_of, package_of, trusted_packages

if TYPE_CHECKING:
    from omegaconf import DictConfig

ALLOW_VARIABLE = "LEPTON_ALLOW"  # further packages, comma-separated; workers inherit it
OWN_COMMAND = re.compile(r"lepton\.\w+\.derivation\.\w+")  # commands that make runs of others
PLUGIN_PREFIXES = (  # of Hydra's own part of a config
    "hydra_plugins.",
    "hydra._internal.core_plugins.",
    "optuna.samplers.",
    "optuna.pruners.",
)


def allow(*packages: str) -> None:
    """Lets `_target_`s name these packages, here and in worker processes.

    Raises: LeptonError for what is no text.
    """
    names = given_words("allow", packages, "my_project")
    os.environ[ALLOW_VARIABLE] = ",".join(dict.fromkeys([*_allowed_packages(), *names]))


def is_allowed(name: str) -> bool:
    """True when a dotted name lies inside a package that the user allowed."""
    return name.startswith(tuple(f"{package}." for package in _allowed_packages()))


def is_trusted(name: str, group: str | None, *, inside: bool = False) -> bool:
    """True when a dotted name may be the target of an option of a group, or `inside` of one.

    The group None is that of the commands themselves.
    """
    if is_allowed(name):
        return True
    if group is None:
        return not inside and bool(OWN_COMMAND.fullmatch(name))
    return package_of(name) in trusted_packages(group, inside=inside)


def _allowed_packages() -> list[str]:
    """The packages that the user allowed."""
    return [package for package in os.environ.get(ALLOW_VARIABLE, "").split(",") if package]


def refusal(path: str, name: str, group: str | None, *, inside: bool = False) -> str:
    """The line that refuses the `_target_` of the node at `path`."""
    package = package_of(name)
    if package is None or group is None:
        package = name.partition(".")[0]
        return (
            f"{path}._target_: {name!r} is not in a trusted package; if you trust it, "
            f"--allow {shell_word(package)}"
        )
    takes = ", ".join(f"{p}*" for p in trusted_packages(group, inside=inside))
    return (
        f"{path}._target_: {name!r} is no target of {group}, but of {_places(package)}; {group} "
        f"takes {takes}; if you mean it here, --allow {shell_word(package.rstrip('.'))}"
    )


def _places(package: str) -> str:
    """The places in a config that targets of a package belong to, in words."""
    parts = [
        f"{group}.{key}"
        for group in owners_of(package)
        for key, packages in GROUPS[group].parts.items()
        if package in packages
    ]
    groups = [group for group in owners_of(package) if package in GROUPS[group].targets]
    return " and ".join([*groups, *parts])


def find_targets(node: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yields the place and the name of every `_target_` inside nested values."""
    if isinstance(node, dict) and "_target_" in node:
        yield f"{path}._target_", str(node["_target_"])
    if isinstance(node, dict | list):
        for key, value in node.items() if isinstance(node, dict) else enumerate(node):
            yield from find_targets(value, f"{path}.{key}")


def check_plugins(hydra_cfg: "DictConfig") -> None:
    """Checks Hydra's own part of a config, of which a sweep makes objects.

    Raises: ConfigError for each target that is neither a plugin nor in an allowed package.
    """
    from omegaconf import OmegaConf

    problems = [
        f"{path}: {name!r} is not a plugin of Hydra's"
        for path, name in find_targets(OmegaConf.to_container(hydra_cfg, resolve=False), "hydra")
        if not (name.startswith(PLUGIN_PREFIXES) or is_allowed(name))
    ]
    if problems:
        raise ConfigError(*problems)
