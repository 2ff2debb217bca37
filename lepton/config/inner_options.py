"""Options inside of an option: the encoders of a model, the kinds of inputs of a data set.

A class that takes some says under which keys, in a constant `holds`. Each stands there under a name
of its own, or is null; the class is given their targets unfinished, and finishes them itself.
"""

from collections.abc import Iterator
from typing import Any

from lepton.config.signature import TargetError, class_constant
from lepton.groups import GROUPS

Node = dict[str, Any]


def inner_group(path: str) -> str | None:
    """The group of the option at a path inside of another; None of any other path.

    As at model.encoders.text, or at augmentation.NAME.generator, a part that is a group's option.
    """
    group, *rest = path.split(".")
    if group not in GROUPS or len(rest) != 2:
        return None
    if rest[0] in GROUPS[group].inner:
        return group
    row = GROUPS[group]
    return rest[1] if row.several and rest[1] in row.parts and rest[1] in GROUPS else None


def may_be_empty(path: str) -> bool:
    """True where null may stand at the place of an option inside of another; a part is needed."""
    group, holder, _ = path.split(".")
    return holder in GROUPS[group].inner


def inner_keys(node: Any) -> tuple[str, ...]:
    """The keys of an option's node under which further options stand."""
    if not isinstance(node, dict) or "_target_" not in node:
        return ()
    if not any(isinstance(value, dict) for value in node.values()):
        return ()  # of most, so that no base of torch's is read for them
    try:
        constant = class_constant(str(node["_target_"]), "holds")
    except TargetError:  # which the check of the target tells
        return ()
    keys = constant[1] if constant else ()
    return tuple(key for key in keys if key in node)


def inner_nodes(node: Any) -> Iterator[tuple[str, str, Node]]:
    """Yields key, name and node of every option inside of an option's node."""
    for key in inner_keys(node):
        options = node[key] if isinstance(node[key], dict) else {}
        yield from ((key, str(name), inner) for name, inner in options.items() if inner)


def without_inner(node: Node) -> Node:
    """The node without the options inside of it."""
    keys = inner_keys(node)
    return {key: value for key, value in node.items() if key not in keys}


def shape_problems(path: str, node: Node, group: str) -> list[str]:
    """A line for all that stands where options do, and is none."""
    lines = []
    for key in inner_keys(node):
        options = node[key]
        if not isinstance(options, dict):
            lines.append(f"{path}.{key}: {options!r} is not a mapping of names to options")
            continue
        is_chosen = key in GROUPS[group].inner
        right = f"choose one of the group {group}" if is_chosen else "give one with a `_target_`"
        lines += [
            f"{path}.{key}.{name}: {inner!r} is no option; {right}, or null"
            for name, inner in options.items()
            if inner is not None and inner != {} and not _is_option(inner)
        ]
        lines += [
            f"{path}.{key}.{name}: holds options itself; one that holds none can stand here"
            for name, inner in options.items()
            if inner_keys(inner)
        ]
    return lines


def _is_option(node: Any) -> bool:
    return isinstance(node, dict) and "_target_" in node
