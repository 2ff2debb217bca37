"""Composes and checks the config of a command that reads finished runs, from `key=value` words."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from lepton.config.commands import CommandRoot, option_groups
from lepton.config.identity import PLAIN_NAME
from lepton.config.node_checks import key_problems, target_problems, typed_keys
from lepton.config.root_config import compose_root
from lepton.config.signature import TargetError, read_signature
from lepton.config.younger_keys import with_younger_settings
from lepton.errors import ConfigError
from lepton.groups import GROUPS, ROOT_VALUES, TRAINING_GROUPS

COMMON_KEYS = {
    "runs": "str | list[str]",
    "where": "str | None",
    "study": "str | None",
    "rerun": "bool",
}

WHERE = "where="  # begins a condition, whose spaces and quotes Hydra could not read


def compose_command(root: CommandRoot, overrides: Sequence[str]) -> dict[str, Any]:
    """The config that `lepton NAME OVERRIDES` means, as plain values, with a `label`.

    Beside COMMON_KEYS it takes the parameters of the class that its root names.

    Raises: ConfigError with every mistake, one line each.
    """
    if root.name in {*ROOT_VALUES, *TRAINING_GROUPS}:
        raise ConfigError(f"{root.path}: runs have a key {root.name!r}; call the command otherwise")
    keys = {*COMMON_KEYS}
    with suppress(TargetError):  # which `settings_problems` tells
        keys |= {*read_signature(root.target).parameters}
    words = [word for word in overrides if not word.startswith(WHERE)]
    config, chosen = compose_root(root.path, words, groups=root.groups, keys=keys)
    conditions = [word.removeprefix(WHERE) for word in overrides if word.startswith(WHERE)]
    config["where"] = [config.get("where"), *conditions][-1]
    label = "_".join(chosen.values())
    common = {key: value for key, value in config.items() if key in COMMON_KEYS}
    settings = {key: value for key, value in config.items() if key not in COMMON_KEYS}
    settings = with_younger_settings(settings, root.groups)
    problems = key_problems("", common, typed_keys(COMMON_KEYS), f"lepton {root.name}")
    problems += settings_problems(root.name, settings, label=label)
    study = config.get("study")
    if isinstance(study, str) and not PLAIN_NAME.fullmatch(study):
        problems.append(f"study: {study!r} is not a plain name")
    if problems:
        raise ConfigError(*problems)
    return config | settings | {"label": label}


def settings_problems(command: str, settings: dict[str, Any], *, label: str) -> list[str]:
    """A line for everything wrong in the settings of a command, and in the options among them.

    `label` names these.
    """
    groups = option_groups(command)
    own = {key: value for key, value in settings.items() if key not in groups}
    lines = target_problems(command, own, tuple(groups), f"lepton {command}", group=None)
    problems = [line.removeprefix(f"{command}.") for line in lines]
    for key, group in groups.items():
        supplied = GROUPS[group].supplied if group in GROUPS else ()
        node, option = settings.get(key), f"{key}={label}"
        problems += target_problems(key, node, supplied, option, group=group)
    return problems
