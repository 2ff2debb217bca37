"""The options that a config has of each group: their nodes, and how a user names them."""

from collections.abc import Mapping
from typing import Any

from lepton.groups import GROUPS, TRAINING_GROUPS, takes_several


def own_groups(config: Mapping[str, Any]) -> list[str]:
    """The groups of the user's own of which a config says what was chosen; they hold methods."""
    choices = config.get("choices") or {}
    return sorted(name for name in choices if name in config and name not in GROUPS)


def option_nodes(config: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The nodes of the options that a config has of a group, by path, sorted by name."""
    node = config.get(name)
    if takes_several(name, node) and isinstance(node, dict):
        return {f"{name}.{option}": node[option] for option in sorted(node)}
    return {name: node}


def chosen_nodes(config: Mapping[str, Any], name: str) -> dict[str, dict[str, Any]]:
    """The nodes of the options that a checked config has of a group, by path, sorted by name."""
    return {path: node for path, node in option_nodes(config, name).items() if node}


def with_absent_groups(config: Mapping[str, Any]) -> dict[str, Any]:
    """The config of a run with the groups that are younger than it, of which it chose nothing."""
    absent = [name for name, group in TRAINING_GROUPS.items() if group.earlier == "none"]
    return {**{name: {} for name in absent}, **config}


def with_options_by_name(config: Mapping[str, Any]) -> dict[str, Any]:
    """The config, in which the one option of a group that takes several by now has its name."""
    named, choices = {}, config.get("choices") or {}
    for name, group in TRAINING_GROUPS.items():
        node, choice = config.get(name), choices.get(name)
        if group.one_before and isinstance(node, dict) and "_target_" in node and choice:
            named[name] = {choice: node}
    return {**config, **named}


def without_absent_groups(config: Mapping[str, Any]) -> dict[str, Any]:
    """The config without the young groups of which nothing was chosen, so that ids stay."""
    young = {name for name, group in GROUPS.items() if group.earlier is not None}
    young |= {*own_groups(config)}
    return {key: value for key, value in config.items() if value or key not in young}


def option_label(config: Mapping[str, Any], path: str) -> str:
    """The option at the path of a node as a user chose it: finetune=lora, regularization=l1."""
    group, _, option = path.partition(".")
    return f"{group}={option or (config.get('choices') or {}).get(group, '?')}"
