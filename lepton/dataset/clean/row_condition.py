"""Conditions on the rows of a table, as `Status != 0 and age >= 18`, decided for whole columns."""

import ast
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pyarrow as pa
from pandas.api import types
from pyarrow import compute as pc

from lepton.config.conditions import COMPARISONS, WORDS, Condition, dotted_name, outermost_names
from lepton.dataset.clean.cell_parsing import NUMBER_PATTERN, cells_to_floats
from lepton.dataset.clean.cell_texts import as_objects, matches, text_cells
from lepton.dataset.clean.suggestion import suggestion
from lepton.errors import ConfigError

KEY = "dataset.where"
HOW = "write it as 'Status != 0 and age >= 18', with and, or, not, in"
QUOTED = re.compile(r"`([^`]*)`")  # names that are no words of Python's grammar
ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: np.add,
    ast.Sub: np.subtract,
    ast.Mult: np.multiply,
    ast.Div: np.divide,
}
MISSING, NOT_MISSING = (ast.Eq, ast.In), (ast.NotEq, ast.NotIn)


@dataclass(frozen=True)
class RowCondition(Condition):
    """A condition whose names are columns; between backticks they may hold any character.

    A cell that is missing is equal to nothing but null, differs from all else, and has no order,
    as with pandas.
    """

    columns: tuple[str, ...] = ()
    how: ClassVar[str] = HOW

    @property
    def grammatical(self) -> str:
        names = iter(range(len(self.text)))
        return QUOTED.sub(lambda _: f"_{next(names)}_quoted", self.text.strip())

    def resolved(self, tree: ast.expr) -> ast.expr:
        names = {f"_{i}_quoted": name for i, name in enumerate(QUOTED.findall(self.text))}
        for node in ast.walk(tree):
            if isinstance(node, ast.Name) and node.id in names:
                node.id = names[node.id]
                if node.id not in self.columns:
                    raise self._no_column(node.id)
        return tree

    @cached_property
    def keys(self) -> frozenset[str]:
        return frozenset(name for name in self.names() if name in self.columns)

    def check_names(self) -> None:
        """Raises: ConfigError for a comparison without a column, with the nearest."""
        for node in _comparisons(self.tree):
            names = [dotted_name(name) for name in outermost_names(node)]
            if not {*names} & self.keys:
                named = [name for name in names if name.lower() not in WORDS]
                raise self._no_column(named[0] if named else ast.unparse(node))

    def rows(self, read: Callable[[str], pd.Series]) -> np.ndarray:
        """True for each row that the condition holds for; `read` gives a column.

        Shapes: -> (rows,) bool.
        Raises: ConfigError for what names no column, or cannot be compared.
        """
        self.check_names()
        cells = {name: _values(read(name)) for name in sorted(self.keys)}
        with np.errstate(all="ignore"):
            return self._rows(self.tree, cells)

    def _rows(self, node: ast.expr, cells: dict[str, np.ndarray]) -> np.ndarray:
        if isinstance(node, ast.BoolOp):
            join = np.logical_and if isinstance(node.op, ast.And) else np.logical_or
            return join.reduce([self._rows(value, cells) for value in node.values])
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            return ~self._rows(node.operand, cells)
        if not isinstance(node, ast.Compare):
            return self._compared(ast.Eq(), self._side(node, cells), True)
        sides = [self._side(part, cells) for part in (node.left, *node.comparators)]
        pairs = zip(sides, node.ops, sides[1:], strict=False)
        return np.logical_and.reduce([self._compared(op, a, b) for a, op, b in pairs])

    def _side(self, node: ast.expr, cells: dict[str, np.ndarray]) -> Any:
        """A column's values, a value, or a list of these."""
        if isinstance(node, ast.Constant):
            return node.value
        if isinstance(node, ast.List | ast.Tuple):
            return [self._side(item, cells) for item in node.elts]
        if isinstance(node, ast.UnaryOp):
            return -self._number(self._side(node.operand, cells), node.operand)
        if isinstance(node, ast.BinOp):
            sides = [self._number(self._side(n, cells), n) for n in (node.left, node.right)]
            return ARITHMETIC[type(node.op)](*sides)
        name = dotted_name(node)
        return cells[name] if name in cells else WORDS.get(name.lower(), name)

    def _number(self, side: Any, node: ast.expr) -> Any:
        if _is_text(side) or isinstance(side, str | list | bool | None):
            raise self.error(f"{ast.unparse(node)!r} is no number")
        return side

    def _compared(self, op: ast.cmpop, left: Any, right: Any) -> np.ndarray:
        if not isinstance(left, np.ndarray) and isinstance(right, np.ndarray):
            mirrored = {ast.Lt: ast.Gt, ast.LtE: ast.GtE, ast.Gt: ast.Lt, ast.GtE: ast.LtE}
            return self._compared(mirrored.get(type(op), type(op))(), right, left)
        if not isinstance(left, np.ndarray):
            raise self.error(f"{left!r} and {right!r}: a comparison needs a column")
        if isinstance(op, ast.In | ast.NotIn):
            if not isinstance(right, list):
                raise self.error("in needs a list, as Status in [A, B]")
            are_in = [self._compared(ast.Eq(), left, item) for item in right]
            is_in = np.logical_or.reduce(are_in) if are_in else np.zeros(len(left), bool)
            return is_in if isinstance(op, ast.In) else ~is_in
        if isinstance(right, list):
            raise self.error("a list goes with in, as Status in [A, B]")
        is_missing = pd.isna(left)
        if right is None:
            if not isinstance(op, ast.Eq | ast.NotEq):
                raise self.error("null has no order; write == null or != null")
            return is_missing if isinstance(op, ast.Eq) else ~is_missing
        is_missing, right = is_missing | pd.isna(right), self._alike(op, left, right)
        rows = np.full(len(left), isinstance(op, ast.NotEq))
        there = ~is_missing
        other = right[there] if isinstance(right, np.ndarray) else right
        rows[there] = COMPARISONS[type(op)](left[there], other)
        return rows

    def _alike(self, op: ast.cmpop, left: np.ndarray, right: Any) -> Any:
        """What a column is compared with, as a number or a text as the column's cells are.

        Raises: ConfigError where it is neither.
        """
        if not _is_text(left):
            if isinstance(right, str) and re.fullmatch(NUMBER_PATTERN, right.strip()):
                return float(right)
            if isinstance(right, str) or _is_text(right):
                shown = repr(right) if isinstance(right, str) else "a column of texts"
                hint = suggestion(right, self.columns) if isinstance(right, str) else ""
                raise self.error(f"numbers are compared with {shown}, which is none{hint}")
            return right
        if _is_text(right):
            return right
        if isinstance(right, str):
            return _as_cell(right)
        if isinstance(op, ast.Eq | ast.NotEq) and not isinstance(right, np.ndarray):
            return _as_cell(str(right).lower())
        first = next((cell for cell in left if isinstance(cell, str)), "")
        raise self.error(f"texts (first {first!r}) are compared with numbers")

    def _no_column(self, name: str) -> ConfigError:
        return self.error(f"no column {name!r}{suggestion(name, self.columns)}")


def _comparisons(tree: ast.AST) -> list[ast.AST]:
    """The parts of a condition that `and`, `or` and `not` join."""
    if isinstance(tree, ast.BoolOp):
        return [part for value in tree.values for part in _comparisons(value)]
    if isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.Not):
        return _comparisons(tree.operand)
    return [tree]


def _is_text(side: Any) -> bool:
    return isinstance(side, np.ndarray) and side.dtype == object


def _as_cell(text: str) -> str:
    """A text as it would stand in a column of texts."""
    return text_cells(pd.Series([text]))[0].as_py() or text


def _values(column: pd.Series) -> np.ndarray:
    """Cells as floats where all that are there are numbers, else as texts; NaN for missing.

    Dates are texts in the order of the calendar, true and false are words in small letters.
    """
    if types.is_numeric_dtype(column.dtype) and not types.is_bool_dtype(column.dtype):
        return column.to_numpy(dtype=float, na_value=np.nan)
    if types.is_datetime64_any_dtype(column.dtype):
        are_days = (column.dropna() == column.dropna().dt.normalize()).all()
        return column.dt.strftime("%Y-%m-%d" if are_days else "%Y-%m-%d %H:%M:%S").to_numpy(object)
    cells = text_cells(column)
    if matches(cells.drop_null(), NUMBER_PATTERN).all():
        return cells_to_floats(cells)
    lower = pc.utf8_lower(cells)
    are_words = pc.is_in(lower, value_set=pa.array(["true", "false"], lower.type))
    return as_objects(pc.if_else(are_words, lower, cells))
