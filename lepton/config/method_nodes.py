"""The nodes of the methods that a config asks for, those chosen and those that a key stands for."""

from collections.abc import Iterator, Mapping
from typing import Any

from lepton.config.chosen_options import chosen_nodes, own_groups
from lepton.config.patience import nodes_of_patience
from lepton.groups import METHOD_GROUPS


def method_nodes(config: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields the path and the node of every method of a checked config, as they are prepared."""
    for name in (*METHOD_GROUPS, *own_groups(config)):
        yield from chosen_nodes(config, name).items()
    yield from nodes_of_patience(config).items()
