"""Keys and revisions that are younger than runs, so that what was trained is not trained again.

A run's config is completed by what the code had before a key came, and its id leaves these values
out. The tables are `YOUNGER_KEYS` and `REVISIONS` of lepton.groups.
"""

import copy
from collections.abc import Callable, Mapping
from typing import Any

from lepton.config.lineage import class_names
from lepton.config.partial_revisions import touches
from lepton.config.signature import TargetError, read_signature
from lepton.groups import GROUPS, REVISIONS, YOUNGER_KEYS, takes_several

Node = dict[str, Any]
Changes = dict[str, tuple[str, ...]]  # sentences of REVISIONS by the path of a node
Change = Callable[[str, str, Node], Node]  # a node's path, its group and the node -> another node


def with_younger_keys(config: Node) -> Node:
    """The config of a run with the keys that are younger than it, as they were before."""
    completed = _changed(config, _completed)
    return {**copy.deepcopy(YOUNGER_KEYS[""]), **completed}


def without_younger_keys(config: Node) -> Node:
    """A config without the younger keys that have the value from before."""
    return _without(_changed(config, _shortened), YOUNGER_KEYS[""])


def with_younger_settings(settings: Node, groups: Mapping[str, str]) -> Node:
    """The settings of a command between runs with the keys that are younger, as they were before.

    `groups` are those of the keys that hold an option.
    """
    return _changed_settings("", settings, groups, _completed)


def without_younger_settings(settings: Node, groups: Mapping[str, str]) -> Node:
    """The settings of a command without the younger keys that have the value from before."""
    return _changed_settings("", settings, groups, _shortened)


def _completed(_: str, group: str, node: Node) -> Node:
    before = values_before(group, node)
    return {**before, **node} if before else node


def _shortened(_: str, group: str, node: Node) -> Node:
    before = values_before(group, node)
    return _without(node, before) if before else node


def _without(node: Node, before: Mapping[str, Any]) -> Node:
    return {k: v for k, v in node.items() if not (k in before and v == before[k])}


def revisions_of(changes: Changes) -> dict[str, int]:
    """The revisions of options by the paths of their nodes: how many changes each has."""
    return {path: len(sentences) for path, sentences in changes.items()}


def changes_of(config: Node) -> Changes:
    """What has changed in the results of a config's options, by the paths of their nodes."""
    return _noted(config, lambda note: _changed(config, note))


def changes_of_settings(command: str, settings: Node, groups: Mapping[str, str]) -> Changes:
    """What has changed in the results of a command, and of its options under COMMAND.KEY."""
    return _noted(settings, lambda note: _changed_settings(command, settings, groups, note))


def revision_differences(
    before: Mapping[str, int], changes: Changes, label: Callable[[str], str]
) -> list[str]:
    """A line for each option whose revision is not the one `before`; `label` names a path."""
    lines = []
    for path in sorted({*before, *changes}):
        then, now = before.get(path, 0), changes.get(path, ())
        if then != len(now):
            why = "; ".join(now[then:]) or "this version of lepton is older than the run"
            lines.append(f"revision: {label(path)} had revision {then}, now {len(now)}: {why}")
    return lines


def changes_touching(changes: Changes, config: Node) -> Changes:
    """Those of all changes in a config's options that are about runs of the config."""
    touching = {
        path: tuple(line for line in lines if touches(line, config))
        for path, lines in changes.items()
    }
    return {path: lines for path, lines in touching.items() if lines}


def _noted(config: Node, visit: Callable[[Change], Any]) -> Changes:
    return changes_touching(_noted_all(visit), config)


def all_changes_of(config: Node) -> Changes:
    """What `changes_of` finds, and what is about other runs of the same options."""
    return _noted_all(lambda note: _changed(config, note))


def _noted_all(visit: Callable[[Change], Any]) -> Changes:
    """The sentences of REVISIONS for every node of a config that is visited, by path."""
    changes = {}

    def note(path: str, group: str, node: Node) -> Node:
        names = _names(group, node)
        changes[path] = tuple(line for name in names for line in REVISIONS.get(name, ()))
        return node

    if REVISIONS:
        visit(note)
    return {path: lines for path, lines in sorted(changes.items()) if lines}


def _changed(config: Node, change: Change) -> Node:
    """A config in which every node that an option is, or that has a `_target_`, is changed."""
    return {key: _changed_group(key, value, change) for key, value in config.items()}


def _changed_group(group: str, value: Any, change: Change) -> Any:
    if takes_several(group, value) and isinstance(value, dict):
        return {
            name: _changed_node(f"{group}.{name}", node, group, change)
            for name, node in value.items()
        }
    return _changed_node(group, value, group if group in GROUPS else "", change)


def _changed_settings(path: str, settings: Node, groups: Mapping[str, str], change: Change) -> Node:
    """The settings of a command changed, and every option in them."""
    known = {key: group for key, group in groups.items() if group in GROUPS}
    nodes = {
        key: _changed_node(f"{path}.{key}", value, known.get(key, ""), change)
        for key, value in settings.items()
    }
    return change(path, "", nodes)


def _changed_node(path: str, value: Any, group: str, change: Change) -> Any:
    """A value changed wherever an option stands; `group` is that of the value itself."""
    if isinstance(value, list):
        return [_changed_node(f"{path}.{i}", item, "", change) for i, item in enumerate(value)]
    if not isinstance(value, dict):
        return value
    node = {key: _changed_node(f"{path}.{key}", item, "", change) for key, item in value.items()}
    return change(path, group, node) if node and (group or "_target_" in node) else node


def values_before(group: str, node: Node) -> dict[str, Any]:
    """The younger keys that a node of a group may have, with the values from before they came."""
    values: dict[str, Any] = {}
    for name in reversed(_names(group, node)):
        if name in YOUNGER_KEYS:
            values |= YOUNGER_KEYS[name]
    if not values:
        return {}
    try:
        target = node.get("_target_")
        keys = read_signature(str(target)).parameters if target else GROUPS[group].keys
    except TargetError:  # which `check` refuses in its own words
        return {}
    return {key: copy.deepcopy(value) for key, value in values.items() if key in keys}


def _names(group: str, node: Node) -> list[str]:
    """The names by which the tables may mean a node, nearest first."""
    return [*class_names(node.get("_target_")), *([group] if group else [])]
