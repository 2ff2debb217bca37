"""Filters of runs, as `split_seed == 0 and model != linear`, over the columns of their table."""

import ast
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

import pandas as pd

from lepton.config.conditions import Condition, dotted_name, outermost_names
from lepton.errors import ConfigError, LeptonError, did_you_mean
from lepton.metric.direction import is_of_test

HOW = "write it as 'split_seed == 0 and model != linear', with and, or, not, in"
NO_SETTINGS = ("test/", "constant/", "before/", "start/", "source/", "larger_is_better/")


@dataclass(frozen=True)
class FilteredRuns:
    """The runs that a filter kept; `note` says which it was and how many it left out."""

    runs: pd.DataFrame
    note: str | None = None


def filter_runs(runs: pd.DataFrame, where: str | None) -> FilteredRuns:
    """The runs of a table for which the condition holds; all where there is none.

    Raises: LeptonError for what is no condition on columns of the table, and when no run is left.
    """
    if where is None:
        return FilteredRuns(runs)
    if not isinstance(where, str):
        raise ConfigError(f"where: {type(where).__name__} is no condition; {HOW}")
    condition = RunCondition(where, "where", frozenset(map(str, runs.columns)))
    condition.check_names()
    keys = sorted(condition.keys)
    rows = runs[keys].astype(object).to_numpy()
    holds = [condition.holds(_Row(keys, values).__getitem__) for values in rows]
    if not any(holds):
        raise LeptonError(f"where: {where!r} leaves none of {_count(len(runs))}")
    note = f"where {where!r}: {_count(holds.count(False))} left out of {len(runs)}"
    return FilteredRuns(runs[holds].reset_index(drop=True), note)


def _count(runs: int) -> str:
    return f"{runs} run{'' if runs == 1 else 's'}"


class _Row(dict[str, Any]):
    """The values of a run by column, with None where it has none."""

    def __init__(self, keys: Iterable[str], values: Iterable[Any]) -> None:
        super().__init__(zip(keys, map(_plain, values), strict=True))


def _plain(value: Any) -> Any:
    value = value.item() if hasattr(value, "item") else value
    return None if isinstance(value, Hashable) and pd.isna(value) else value


@dataclass(frozen=True)
class RunCondition(Condition):
    """A condition whose names are the columns of a table, or ends of them that mean one alone."""

    columns: frozenset[str] = field(default=frozenset())
    how: ClassVar[str] = HOW

    def resolved(self, tree: ast.expr) -> ast.expr:
        """The condition with full names of columns: `val/auroc` is no quotient, and `split_seed`
        is `dataset.split_seed` where a comparison names no column in full.

        Raises: ConfigError for an end of several columns.
        """
        tree = _Metrics(self.columns).visit(tree)
        for node in list(_comparisons(tree)):
            names = [*outermost_names(node)]
            if not any(dotted_name(name) in self.columns for name in names):
                self._complete(tree, names)
        return tree

    def _complete(self, tree: ast.expr, names: list[ast.expr]) -> None:
        """Puts the full name in the place of the first name that is the end of a column."""
        for name in names:
            if full := self._full_names(dotted_name(name)):
                if len(full) > 1:
                    raise self.error(f"{dotted_name(name)} may be {' or '.join(full)}")
                _Replacement(name, full[0]).visit(tree)
                return

    def _full_names(self, end: str) -> list[str]:
        settings = [column for column in self.columns if not column.startswith(NO_SETTINGS)]
        return sorted(c for c in settings if c.endswith((f".{end}", f"/{end}")))

    @cached_property
    def keys(self) -> frozenset[str]:
        return frozenset(name for name in self.names() if name in self.columns)

    def check_names(self) -> None:
        """Raises: ConfigError for a comparison that names no column, with the nearest one, and for
        a metric of the test split."""
        for node in _comparisons(self.tree):
            names = [dotted_name(name) for name in outermost_names(node)]
            if not {*names} & self.keys:
                raise self._unknown(ast.unparse(node), names)
        for key in sorted(self.keys):
            if is_of_test(key):
                raise self.error(f"{key}: runs picked by the test split are not tested by it")

    def _unknown(self, comparison: str, names: list[str]) -> ConfigError:
        ends = {column.rpartition(".")[2]: column for column in self.columns}
        known: Mapping[str, str] = ends | {column: column for column in self.columns}
        hint = next((h for name in names if (h := did_you_mean(name, sorted(known)))), "")
        return self.error(f"{comparison!r} names no column of the runs{hint}")


def _comparisons(tree: ast.AST) -> Iterable[ast.AST]:
    """The parts of a condition that `and`, `or` and `not` join."""
    if isinstance(tree, ast.BoolOp):
        for value in tree.values:
            yield from _comparisons(value)
    elif isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.Not):
        yield from _comparisons(tree.operand)
    else:
        yield tree


class _Metrics(ast.NodeTransformer):
    """Makes a name of each sum or quotient that is written as a column is, as test@noise/auroc."""

    def __init__(self, columns: frozenset[str]) -> None:
        self.columns = columns

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        text = ast.unparse(node).replace(" ", "")
        return ast.Name(text, ast.Load()) if text in self.columns else self.generic_visit(node)


class _Replacement(ast.NodeTransformer):
    """Puts a full name in the place of one node."""

    def __init__(self, node: ast.expr, name: str) -> None:
        self.node, self.name = node, name

    def visit(self, node: ast.AST) -> Any:
        is_it = node is self.node
        return ast.Name(self.name, ast.Load()) if is_it else self.generic_visit(node)
