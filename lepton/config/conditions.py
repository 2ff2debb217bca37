"""Conditions on the config of a run, as `model == mlp and optimizer.lr > 0.01`, read and decided.

They are written in a part of Python's grammar and never run as Python.
"""

import ast
import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

from lepton.config.option_keys import is_known_key, known_keys
from lepton.errors import ConfigError, did_you_mean

MAX_LENGTH = 1000  # characters of a condition
WORDS = {"null": None, "none": None, "true": True, "false": False}
COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda value, values: value in _members(values),
    ast.NotIn: lambda value, values: value not in _members(values),
}
ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
HOW = "write it as 'model == mlp and optimizer.lr > 0.01', with and, or, not, in"


class Absent:
    """Stands for the value of a key that a run does not have; nothing compares with it."""


ABSENT = Absent()
Lookup = Callable[[str], Any]  # the value of a key in a run's config, or ABSENT


@dataclass(frozen=True)
class Condition:
    """A condition as it was written, and the place it stands at, which messages name."""

    text: str
    where: str
    how: ClassVar[str] = HOW

    @cached_property
    def tree(self) -> ast.expr:
        """The condition as Python's grammar reads it.

        Raises: ConfigError for what is no condition.
        """
        if len(self.text) > MAX_LENGTH:
            raise self.error(f"longer than {MAX_LENGTH} characters")
        try:
            tree = self.resolved(ast.parse(self.grammatical, mode="eval").body)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            raise self.error(f"cannot be read; {self.how}") from None
        if not isinstance(tree, ast.BoolOp | ast.Compare | ast.UnaryOp):
            raise self.error(f"compares nothing; {self.how}")
        for node in ast.walk(tree):
            if not isinstance(node, _ALLOWED):
                name = ast.unparse(node) or type(node).__name__
                raise self.error(f"{name!r} cannot stand here; {self.how}")
        return tree

    @property
    def grammatical(self) -> str:
        """The condition as it is parsed."""
        return self.text.strip()

    def resolved(self, tree: ast.expr) -> ast.expr:
        """The condition with the names that its keys go by."""
        return tree

    @cached_property
    def keys(self) -> frozenset[str]:
        """The names in the condition that are keys or groups; the others are words."""
        return frozenset(name for name in self.names() if is_known_key(name))

    def error(self, reason: str) -> ConfigError:
        """The error that says what is wrong with the condition."""
        return ConfigError(f"{self.where}: {self.text!r}: {reason}")

    def names(self) -> Iterator[str]:
        """Yields what the condition calls by name: keys, groups and words."""
        yield from (name for node in outermost_names(self.tree) if (name := dotted_name(node)))

    def check_names(self) -> None:
        """Raises: ConfigError for a key that no run can have, or a comparison without a key."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Compare):
                names = [dotted_name(name) for name in outermost_names(node)]
                unknown = [name for name in names if name not in self.keys]
                hint = next((h for n in unknown if (h := did_you_mean(n, known_keys(n)))), "")
                if dotted := next((name for name in unknown if "." in name), None):
                    raise self.error(f"no run has a key {dotted}{hint}")
                if len(unknown) == len(names):
                    raise self.error(f"{ast.unparse(node)!r} names no key of a run{hint}")

    def holds(self, lookup: Lookup) -> bool:
        """True where the condition holds; a comparison with a key that a run lacks does not.

        Raises: ConfigError for values that cannot be compared.
        """
        try:
            return self._decide(self.tree, lookup)
        except (TypeError, ArithmeticError, RecursionError) as e:
            raise self.error(f"cannot be decided: {e}") from None

    def _decide(self, node: ast.expr, lookup: Lookup) -> bool:
        if isinstance(node, ast.BoolOp):
            decide = all if isinstance(node.op, ast.And) else any
            return decide(self._decide(value, lookup) for value in node.values)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            return not self._decide(node.operand, lookup)
        if isinstance(node, ast.Compare):
            values = [self._value(part, lookup) for part in (node.left, *node.comparators)]
            triples = zip(values, node.ops, values[1:], strict=False)
            return all(_compare(op, left, right) for left, op, right in triples)
        return self._value(node, lookup) is True  # a key that is true or false

    def _value(self, node: ast.expr, lookup: Lookup) -> Any:
        """The value of a part of a comparison; ABSENT where it needs a key that the run lacks."""
        if isinstance(node, ast.Constant):
            return node.value
        if isinstance(node, ast.List | ast.Tuple):
            return [self._value(item, lookup) for item in node.elts]
        if isinstance(node, ast.UnaryOp):
            operand = self._value(node.operand, lookup)
            return operand if operand is ABSENT else -operand
        if isinstance(node, ast.BinOp):
            left, right = self._value(node.left, lookup), self._value(node.right, lookup)
            if any(value is ABSENT or value is None for value in (left, right)):
                return ABSENT
            return ARITHMETIC[type(node.op)](_number(left), _number(right))
        name = dotted_name(node)
        return lookup(name) if name in self.keys else WORDS.get(name, name)


_ALLOWED = (
    *(ast.BoolOp, ast.And, ast.Or, ast.UnaryOp, ast.Not, ast.USub, ast.Compare, ast.BinOp),
    *(ast.Name, ast.Attribute, ast.Constant, ast.List, ast.Tuple, ast.Load),
    *COMPARISONS,
    *ARITHMETIC,
)


def lookup_in(config: Mapping[str, Any], choices: Mapping[str, str]) -> Lookup:
    """The lookup of keys in a composed config, and of what was chosen of a group by its name."""

    def lookup(name: str) -> Any:
        if name in choices:
            return choices[name]
        node: Any = config
        for part in name.split("."):
            if not isinstance(node, Mapping) or part not in node:
                return ABSENT
            node = node[part]
        return node

    return lookup


def _number(value: Any) -> int | float:
    if not isinstance(value, int | float):
        raise TypeError(f"{value!r} is no number; words that hold a - or / need quotes")
    return value


def _compare(op: ast.cmpop, left: Any, right: Any) -> bool:
    if left is ABSENT or right is ABSENT:
        return False
    if isinstance(op, ast.Eq | ast.NotEq) and "none" in (left, right):  # an option of that name
        left, right = (None if value == "none" else value for value in (left, right))
    if None in (left, right) and not isinstance(op, ast.Eq | ast.NotEq | ast.In | ast.NotIn):
        return False
    return bool(COMPARISONS[type(op)](left, right))


def _members(values: Any) -> Any:
    """What a list holds, or the options that were chosen together of a group."""
    return values.split("+") if isinstance(values, str) else values


def dotted_name(node: ast.expr) -> str:
    """A name with dots as text; of anything else nothing."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (parent := dotted_name(node.value)):
        return f"{parent}.{node.attr}"
    return ""


def outermost_names(node: ast.AST) -> Iterator[ast.expr]:
    """Yields the names in a part of a condition, each with all its dots."""
    if isinstance(node, ast.Name | ast.Attribute):
        yield node
        return
    for child in ast.iter_child_nodes(node):
        yield from outermost_names(child)
