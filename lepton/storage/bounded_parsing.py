"""Parses JSON and YAML of others: nothing that multiplies, limits on depth and number."""

import json
from typing import Any

from lepton.errors import Damaged
from lepton.storage.limits import check_limit, read_limit

MAX_INTERPOLATIONS = 8  # of a stored config, whose interpolations were resolved
MAX_NUMBER = 2**63  # what a table's column of whole numbers holds


def parse_json(content: bytes) -> Any:
    """The value that JSON text holds.

    Raises: Damaged, ValueError; RecursionError.
    """
    check_limit("values", sum(content.count(sign) for sign in (b",", b"[", b"{")))
    value = json.loads(content)
    check_plain(value)
    return value


def parse_yaml(content: bytes) -> Any:
    """The value that YAML text holds, which names no part of itself a second time.

    Raises: Damaged, yaml.YAMLError, ValueError.
    """
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    text, depth, most = content.decode("utf-8"), 0, read_limit("depth")
    for values, event in enumerate(yaml.parse(text, Loader=loader)):
        if getattr(event, "anchor", None) is not None:
            raise Damaged(f"YAML with an anchor, {event.anchor!r}, which lepton never writes")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > most:
            check_limit("depth", depth)
        if not values % 1000:
            check_limit("values", values)
    value = yaml.load(text, Loader=loader)
    check_plain(value)
    return value


def check_plain(value: Any) -> None:
    """Raises: Damaged for lists too deep in lists, or whole numbers that no column can hold."""
    level, depth, most = [[value]], -1, read_limit("depth")
    while level:
        depth += 1
        if depth > most:
            check_limit("depth", depth)
        below = []
        for node in level:
            for item in node.values() if isinstance(node, dict) else node:
                kind = type(item)
                if kind is dict or kind is list:
                    below.append(item)
                elif kind is int and not -MAX_NUMBER <= item < MAX_NUMBER:
                    raise Damaged("a whole number of more than 64 bits")
        level = below


def check_interpolations(config: dict[str, Any]) -> None:
    """Raises: Damaged for a stored config whose texts would multiply each other when looked up."""
    waiting = [value for key, value in config.items() if key != "overrides"]
    count = 0
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            count += value.count("${")
        elif isinstance(value, dict):
            waiting += [*value.values(), *value]
        elif isinstance(value, list):
            waiting += value
    if count > MAX_INTERPOLATIONS:
        raise Damaged(f"a config with {count} interpolations, which lepton never writes")
