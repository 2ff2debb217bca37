"""Composed configs as plain values, in which the values of single jobs are set.

OmegaConf takes milliseconds to copy, change and resolve a config, and most jobs of a sweep set a
few numbers beside the same options. Whatever is not as simple as that has no plain config here, and
goes the way through OmegaConf; tests compare the two ways.
"""

import pickle
import re
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from hydra.core.override_parser.types import Override

from lepton.config.compose import literal_overrides
from lepton.config.words import COLUMNS
from lepton.config.younger_keys import Changes, all_changes_of, changes_touching, revisions_of
from lepton.groups import REVISIONS

if TYPE_CHECKING:
    from omegaconf import DictConfig

Node = dict[str, Any]
KEY = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*", re.ASCII)
REFERENCE = re.compile(r"\$\{([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)\}", re.ASCII)
BESIDE_PARENT = re.compile(r"\$\{\.\.([A-Za-z_]\w*)\}", re.ASCII)
SELECT = re.compile(r"\$\{oc\.select:([A-Za-z_]\w*),([A-Za-z_]\w*)\}", re.ASCII)
WORDS_OF_VALUES = ("true", "false", "null", "nan", "inf")  # that are no texts in a default
MISSING = "???"
RECORDED = ("choices", "overrides", "revisions")  # that a config tells of itself
MAX_DEPTH = 8  # of values that stand for others


class NotPlain(Exception):
    """Says that a value needs OmegaConf."""


class PlainTemplate:
    """The config of a set of options, not yet resolved, as plain values."""

    def __init__(self, values: Node):
        self.stored = pickle.dumps(values, pickle.HIGHEST_PROTOCOL)
        self.references = [(path, text) for path, text in _texts(values) if "${" in text]
        self.missing = [path for path, text in _texts(values) if text == MISSING]

    @cached_property
    def changes(self) -> Changes:
        """What has changed in the results of the options, of some of their runs or of all."""
        return all_changes_of(self.values)

    @property
    def values(self) -> Node:
        """A copy of the values."""
        return pickle.loads(self.stored)

    @classmethod
    def of(cls, cfg: "DictConfig") -> "PlainTemplate | None":
        """The template of a composed config; None where OmegaConf resolves it to other values."""
        from omegaconf import OmegaConf
        from omegaconf.errors import OmegaConfBaseException

        values: Any = OmegaConf.to_container(cfg, resolve=False)
        values = _with_absolute_references(values)
        template = cls(values)
        try:
            resolved = template.resolved(values)
            is_same = repr(resolved) == repr(OmegaConf.to_container(cfg, resolve=True))
        except (NotPlain, OmegaConfBaseException):
            return None
        return template if is_same else None

    def job_config(self, values: Sequence[Override], overrides: Sequence[str]) -> Node | None:
        """The resolved config of a job that sets these values by these overrides; None where it
        is not plain."""
        config = self.values
        try:
            if any("$" in text or "\\" in text for text in overrides):
                raise NotPlain
            for override in values:
                _set(config, override)
            if any(_at(config, path) == MISSING for path in self.missing):
                raise NotPlain
            config["overrides"] = literal_overrides(overrides)
            if REVISIONS:
                is_same = not any(o.key_or_group.endswith("_target_") for o in values)
                changes = self.changes if is_same else all_changes_of(config)
                config["revisions"] = revisions_of(changes_touching(changes, config))
            return self.resolved(config)
        except NotPlain:
            return None

    def resolved(self, config: Node) -> Node:
        """The config with a value for each that stands for another, where none was set there."""
        resolved = [
            (path, _resolved(text, config))
            for path, text in self.references
            if _at(config, path) == text
        ]
        for path, value in resolved:
            _at(config, path[:-1])[path[-1]] = value
        return config


def _texts(node: Any, path: tuple = ()) -> Iterator[tuple[tuple, str]]:
    """Yields every text in a node with its path."""
    if isinstance(node, str):
        yield path, node
    elif isinstance(node, dict | list):
        for key, value in node.items() if isinstance(node, dict) else enumerate(node):
            yield from _texts(value, (*path, key))


def _with_absolute_references(values: Node) -> Node:
    """The values, in which each `${..key}`, of the node above, is named from the root on."""
    for path, text in _texts(values):
        if match := BESIDE_PARENT.fullmatch(text):
            place = ".".join(map(str, (*path[:-2], match[1])))
            _at(values, path[:-1])[path[-1]] = f"${{{place}}}"
    return values


def _at(node: Any, path: tuple) -> Any:
    """The value at a path; None where a value was set above it."""
    for key in path:
        if isinstance(node, dict):
            node = node.get(key)
        else:
            node = node[key] if isinstance(node, list) and key < len(node) else None
    return node


def _set(config: Node, override: Override) -> None:
    """Sets the value of an override.

    Raises: NotPlain where it is not a new value of a key whose parent is there.
    """
    key, value = override.key_or_group, override.value()
    *parents, name = key.split(".")
    is_key = override.is_force_add() and override.package is None and KEY.fullmatch(key)
    if not is_key or key.startswith(COLUMNS) or key.partition(".")[0] in (*RECORDED, "hydra"):
        raise NotPlain
    node: Any = config
    for parent in parents:
        node = node.get(parent) if isinstance(node, dict) else None
    items = value if isinstance(value, list) else [value]
    if not isinstance(node, dict) or isinstance(node.get(name), dict):
        raise NotPlain
    if not all(item is None or type(item) in (bool, int, float, str) for item in items):
        raise NotPlain
    if any(isinstance(item, str) and ("$" in item or MISSING in item) for item in items):
        raise NotPlain
    if isinstance(value, list) and not isinstance(node.get(name), list | None):
        raise NotPlain
    node[name] = value


def _resolved(text: str, config: Node, depth: int = 0) -> Any:
    """The value that a text with `${...}` stands for.

    Raises: NotPlain for all but names of values, one within another or in a text.
    """
    if depth > MAX_DEPTH or "\\" in text:
        raise NotPlain
    if match := SELECT.fullmatch(text):
        name, default = match.groups()
        if default.lower() in WORDS_OF_VALUES:
            raise NotPlain
        if name in config and config[name] is None:
            raise NotPlain
        return _looked_up(name, config, depth) if name in config else default
    if match := REFERENCE.fullmatch(text):
        return _looked_up(match[1], config, depth)
    inner = REFERENCE.sub(lambda m: _as_text(_looked_up(m[1], config, depth)), text)
    if inner == text:
        raise NotPlain
    return _resolved(inner, config, depth + 1) if "${" in inner else inner


def _looked_up(name: str, config: Node, depth: int) -> Any:
    node: Any = config
    for part in name.split("."):
        if not isinstance(node, dict) or part not in node:
            raise NotPlain
        node = node[part]
    if isinstance(node, str) and "${" in node:
        return _resolved(node, config, depth + 1)
    if node == MISSING or isinstance(node, dict | list):
        raise NotPlain
    return node


def _as_text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise NotPlain
    return value
