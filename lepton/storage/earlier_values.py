"""Completes rows of older runs by what younger keys and revisions were before they came.

Only so does a run with the value from before have the same setting as one that names it.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from lepton.groups import GROUPS, ROOT_VALUES, SETTING_GROUPS, YOUNGER_KEYS, group_of, takes_several

Row = dict[str, Any]
OTHER_COLUMNS = {  # those without a dot that are no group of the user's own
    *(*GROUPS, *ROOT_VALUES, *SETTING_GROUPS),
    *("run", "status", "error", "folder", "trained", "derived"),
    "kind",  # of the root, in earlier runs
    *("epochs", "best_epoch", "parameters", "trainable", "score", "seconds", "memory_mb"),
}
REVISION = "revision"  # the last part of a column that holds the revision of an option
ROOT = ""  # stands for the root in YOUNGER_KEYS
SEED = "seed"  # a column of every run whose config could be read


def with_earlier_values(rows: list[Row]) -> list[Row]:
    """The rows, with the columns added that other rows of the same option have beside theirs."""
    columns = {column: None for keys in {tuple(row): None for row in rows} for column in keys}
    values = {
        (group_of(name), path): value
        for name, keys in YOUNGER_KEYS.items()
        for path, value in _leaves(keys)
    }
    commands = {row.get("derived") for row in rows}
    rows = [dict(row) for row in rows]
    for column in own_group_columns(columns, commands):
        _complete((row for row in rows if "optimizer" in row), column, "none")
    for column in columns:
        group, key = column.partition(".")[0], column.rpartition(".")[2]
        if key == REVISION and key != column:
            _complete(_with_option(rows, column), column, 0)
        elif (ROOT, column) in values:
            _complete((row for row in rows if SEED in row), column, values[ROOT, column])
        elif known := {(group, _path_in_option(column)), (group, key)} & values.keys():
            _complete(_with_option(rows, column), column, values[known.pop()])
    return rows


def _leaves(node: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yields values as tables hold them, each with its dotted path."""
    for key, value in node.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", str(value) if isinstance(value, list) else value


def _path_in_option(column: str) -> str:
    """The column without the group, and without the option of a group that may hold several."""
    group, *path = column.split(".")
    return ".".join(path[1:] if takes_several(group) else path)


def own_group_columns(columns: Iterable[str], commands: Iterable[Any]) -> list[str]:
    """The columns that say which option a run has of a group of the user's own.

    `commands` made some of the runs of others, whose names stand under the command's.
    """
    others = {*OTHER_COLUMNS, *commands}
    return [c for c in columns if not re.search(r"[./]", c) and c not in others]


def _complete(rows: Iterable[Row], column: str, value: Any) -> None:
    """Gives rows that lack a column this value in it."""
    for row in rows:
        row.setdefault(column, value)


def _with_option(rows: list[Row], column: str) -> list[Row]:
    """The rows that chose the option whose value stands in a column."""
    group, name, *_ = column.split(".")
    if takes_several(group):
        return [row for row in rows if name in str(row.get(group)).split("+")]
    options = {row[group] for row in rows if column in row and group in row}
    return [row for row in rows if row.get(group) in options]
