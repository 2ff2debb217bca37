"""Reads from source which classes a `_target_` is derived from, and what its own classes define."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from lepton.config.signature import TargetError, read_signature, source_file

LIGHTNING_MODULE = "pytorch_lightning.core.module.LightningModule"
UNREAD = "torch."  # large modules, whose classes derive from nothing that matters here
OTHER_LIGHTNING = "lightning."  # a package of its own, whose trainer alone trains its modules


@dataclass(frozen=True)
class Lineage:
    """The classes behind a target: dotted names of where each is defined, the target's first."""

    classes: tuple[str, ...]
    methods: frozenset[str]  # defined in the bodies of the classes before LightningModule

    @property
    def is_lightning_module(self) -> bool:
        """True for a class that pytorch_lightning trains."""
        return LIGHTNING_MODULE in self.classes

    @property
    def is_of_other_lightning(self) -> bool:
        """True for a module of the package `lightning`, which pytorch_lightning does not train."""
        names = [name for name in self.classes if name.startswith(OTHER_LIGHTNING)]
        return any(name.endswith(".LightningModule") for name in names)


@cache
def read_lineage(target: str) -> Lineage:
    """The lineage of a class by its dotted name; of a function, itself alone.

    A base that cannot be read as source is there by its name, without its own bases.

    Raises: TargetError when the name leads nowhere.
    """
    origin = read_signature(target).origin
    if origin == LIGHTNING_MODULE:
        return Lineage((origin,), frozenset())
    module = origin.rpartition(".")[0]
    path, names = source_file(origin)
    statements = _statements(path).get(names[0], [])
    node = next((n for n in statements if isinstance(n, ast.ClassDef)), None)
    classes, methods = [origin], set()
    for base in node.bases if node else ():
        lineage = _base_lineage(base, module, path)
        classes = [name for name in classes if name not in lineage.classes]
        classes += lineage.classes  # a base of several comes behind all of them, as in Python
        methods |= lineage.methods
    if node:
        methods |= {n.name for n in node.body if isinstance(n, ast.FunctionDef)}
    return Lineage(tuple(classes), frozenset(methods))


def _base_lineage(base: ast.expr, module: str, path: Path) -> Lineage:
    """The lineage of a base as it is written, of several imports under one name the first that
    can be read."""
    names = list(_dotted_names(base, module, path))
    for name in names:
        if name.startswith(UNREAD):
            break
        try:
            return read_lineage(name)
        except (TargetError, SyntaxError):
            continue
    return Lineage(tuple(names), frozenset())


def _dotted_names(base: ast.expr, module: str, path: Path) -> Iterator[str]:
    """The full names that a base may have, by the statements that bind its first part."""
    if isinstance(base, ast.Subscript):  # Generic[T]
        base = base.value
    first, *rest = ast.unparse(base).split(".")
    for statement in _statements(path).get(first, []):
        match statement:
            case ast.ClassDef():
                yield ".".join([module, first, *rest])
            case ast.ImportFrom(module=name, names=aliases, level=level):
                parts = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]
                parents = parts[: len(parts) - level + 1] if level else []
                original = next(a.name for a in aliases if (a.asname or a.name) == first)
                yield ".".join([*parents, *([name] if name else []), original, *rest])
            case ast.Import(names=aliases):
                alias = next(a for a in aliases if (a.asname or a.name.split(".")[0]) == first)
                yield ".".join([alias.name if alias.asname else first, *rest])


@cache
def _statements(path: Path) -> dict[str, list[ast.stmt]]:
    """The statements that bind each name of a module, also those in a `try` or an `if`."""
    found: dict[str, list[ast.stmt]] = {}
    waiting: list[ast.stmt] = list(ast.parse(path.read_text(encoding="utf-8"), str(path)).body)
    while waiting:
        node = waiting.pop(0)
        names = []
        match node:
            case ast.ClassDef(name=name):
                names = [name]
            case ast.ImportFrom(names=aliases) | ast.Import(names=aliases):
                names = [a.asname or a.name.split(".")[0] for a in aliases]
            case ast.If(body=body, orelse=orelse):
                waiting = [*body, *orelse, *waiting]
            case ast.Try(body=body, handlers=handlers, orelse=orelse):
                inside = [n for handler in handlers for n in handler.body]
                waiting = [*body, *orelse, *inside, *waiting]
        for name in names:
            found.setdefault(name, []).append(node)
    return found


def class_names(target: Any) -> tuple[str, ...]:
    """The names of a class and of those that it derives from, nearest first, where it has some."""
    try:
        names = [target, *read_lineage(target).classes] if isinstance(target, str) else []
        return tuple(dict.fromkeys(names))
    except (TargetError, SyntaxError, RecursionError):  # which `check` refuses in its own words
        return (target,)
