"""Completes rows of older runs by what younger keys and revisions were before they came.

Only so does a run with the value from before have the same setting as one that names it.
"""

from typing import Any

from lepton.groups import YOUNGER_KEYS, group_of, takes_several

Row = dict[str, Any]
REVISION = "revision"  # the last part of a column that holds the revision of an option


def with_earlier_values(rows: list[Row]) -> list[Row]:
    """The rows, with the columns added that other rows of the same option have beside theirs."""
    columns = {column: None for keys in {tuple(row): None for row in rows} for column in keys}
    values = {
        (group_of(name), k): v for name, keys in YOUNGER_KEYS.items() for k, v in keys.items()
    }
    for column in columns:
        group, key = column.partition(".")[0], column.rpartition(".")[2]
        if key == REVISION and key != column:
            rows = _completed(rows, column, 0)
        elif (group, key) in values:
            rows = _completed(rows, column, values[group, key])
    return rows


def _completed(rows: list[Row], column: str, value: Any) -> list[Row]:
    """The rows, with a value in this column for those that chose its option and lack it."""
    group, name, *_ = column.split(".")
    if takes_several(group):
        has_option = [name in str(row.get(group)).split("+") for row in rows]
    else:
        options = {row[group] for row in rows if column in row and group in row}
        has_option = [row.get(group) in options for row in rows]
    return [
        {**row, column: value} if has and column not in row else row
        for row, has in zip(rows, has_option, strict=True)
    ]
