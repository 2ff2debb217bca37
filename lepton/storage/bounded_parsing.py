"""Parses JSON and YAML of others: nothing that multiplies, limits on depth and number."""

import json
from collections.abc import Iterable
from typing import Any

from lepton.errors import Damaged
from lepton.storage.limits import check_limit, read_limit

MAX_INTERPOLATIONS = 8  # of a stored config, whose interpolations were resolved
MAX_NUMBER = 2**63  # what a table's column of whole numbers holds
TOO_LONG = "a whole number of more than 64 bits"


def parse_json(content: bytes) -> Any:
    """The value that JSON text holds.

    Raises: Damaged, ValueError; RecursionError.
    """
    opened = content.count(b"[") + content.count(b"{")
    check_limit("values", content.count(b",") + opened)
    value = DECODER.decode(content.decode("utf-8-sig", "surrogatepass"))
    if opened > read_limit("depth"):
        check_plain(value)
    return value


def _whole_number(digits: str) -> int:
    number = int(digits)
    if not -MAX_NUMBER <= number < MAX_NUMBER:
        raise Damaged(TOO_LONG)
    return number


DECODER = json.JSONDecoder(parse_int=_whole_number)  # making one takes as long as a short file


def parse_yaml(content: bytes) -> Any:
    """The value that YAML text holds.

    Parts may be named again, as lepton does in derived runs, where that hardly multiplies.

    Raises: Damaged, yaml.YAMLError, ValueError.
    """
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    text = content.decode("utf-8")
    _check_expansion(yaml.parse(text, Loader=loader))
    value = yaml.load(text, Loader=loader)
    check_plain(value)
    return value


def _check_expansion(events: Iterable[Any]) -> None:
    """Adds up the values of a YAML text as if each alias were written out.

    Raises: Damaged for too many, too deep, or a part that holds itself.
    """
    import yaml

    total, sizes, most = 0, {}, read_limit("depth")
    open_nodes: list[tuple[str | None, int]] = []
    for event in events:
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in sizes:
                raise Damaged(f"YAML whose {event.anchor!r} holds itself")
            total += sizes[event.anchor]
            check_limit("expanded", total)
        elif isinstance(event, yaml.CollectionStartEvent):
            open_nodes.append((event.anchor, total))
            total += 1
            if len(open_nodes) > most:
                check_limit("depth", len(open_nodes))
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, before = open_nodes.pop()
            if anchor is not None:
                sizes[anchor] = total - before
        elif isinstance(event, yaml.ScalarEvent):
            total += 1
            if event.anchor is not None:
                sizes[event.anchor] = 1
    check_limit("values", total)


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
                    raise Damaged(TOO_LONG)
        level = below


def check_interpolations(config: dict[str, Any]) -> None:
    """Raises: Damaged for a stored config whose texts would multiply each other when looked up."""
    if "${" not in repr(config):  # as of most runs, of which a study may have thousands
        return
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
