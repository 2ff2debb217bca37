"""What a caller gives: rows of train, val and test with their targets, as tables to keep."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from lepton.config.words import value_text
from lepton.dataset.read.parquet_file import is_one_value
from lepton.errors import DataError
from lepton.foreign_text import printable
from lepton.in_memory.arrow_tables import (
    Rows,
    column_array,
    of_array,
    of_capsule,
    of_columns,
    of_pandas,
    of_protocol,
)
from lepton.in_memory.arrow_types import plain_column, plain_table
from lepton.in_memory.hub_dataset import of_hub_dataset
from lepton.in_memory.listed_inputs import of_paths, of_pictures, of_records, of_texts

READERS = (  # the first that knows the rows makes a table of them
    *(of_hub_dataset, of_pandas, of_capsule, of_protocol, of_columns),
    *(of_texts, of_paths, of_pictures, of_records, of_array),
)
# columns that are added, where names are free
TARGET, SPLIT, GROUP, WEIGHT = "target", "split", "group", "weight"


@dataclass(frozen=True)
class GivenRows:
    """The tables to keep, and the overrides that tell of them."""

    rows: Rows
    test: pa.Table | None
    settings: dict[str, Any]


def read_rows(data: Any) -> Rows:
    """Rows in memory as a table.

    Raises: DataError for what is no rows, and for a cell that is not one value.
    """
    try:
        for reader in READERS:
            if (rows := reader(data)) is not None:
                return _checked(replace(rows, table=plain_table(rows.table)))
    except (UnicodeEncodeError, UnicodeDecodeError) as e:
        raise DataError(f"a text that is no Unicode ({e.reason})") from None
    except pa.ArrowException as e:
        what = printable(str(e).splitlines()[0])
        raise DataError(f"a table with cells that Arrow does not have ({what})") from None
    if isinstance(data, str | Path):
        option = "parquet" if Path(data).suffix in (".parquet", ".pq") else "csv"
        words = (
            f"dataset={option}",
            f"dataset.path={value_text(str(data))}",
            "dataset.target=COLUMN",
        )
        raise DataError(f"{str(data)!r} is no table; the rows of a file: lepton.train{words}")
    kind = type(data).__name__
    what = "no rows" if isinstance(data, Sequence) and not len(data) else f"{kind} is no table"
    raise DataError(
        f"{what}; give a DataFrame, an array, a dict of columns, a Dataset, or a list of texts, "
        "of paths or of Pillow images"
    )


def gather(
    data: Any,
    *,
    target: str | Sequence[str] | None,
    y: Any,
    val: Any,
    test: Any,
    groups: Any,
    weights: Any = None,
) -> GivenRows:
    """The rows that were given as one table, or two where test rows have one of their own.

    `groups` and `weights` are a column's name or its cells, these of the training rows.
    Raises: DataError where parts do not fit each other.
    """
    given: dict[str, Any] = {"train": data, "val": val, "test": test}
    parts = {name: part for name, part in given.items() if part is not None or name == "train"}
    one_of(y=y, target=target)
    tables: dict[str, Rows] = {}
    names = _target_names(target)
    for name, part in parts.items():
        inputs, own = (part, y) if name == "train" else _pair(part, name, needed=y is not None)
        rows = read_rows(inputs)
        if own is not None:
            rows, names = _with_target(rows, own, name)
        tables[name] = rows
    settings = {**tables["train"].settings}
    if weights is not None:
        column = _with_weights(tables, weights)
        settings["dataset.weight"] = column
    if names is not None:
        settings["dataset.target"] = names[0] if len(names) == 1 else names
    return _joined(tables, groups, settings)


def _target_names(target: Any) -> list[str] | None:
    """The names of the target's columns. Raises: DataError for what is no name."""
    if target is None:
        return None
    names = [*target] if isinstance(target, list | tuple | pd.Index) else [target]
    if not all(isinstance(name, str | int | np.integer) for name in names):
        kind = type(target).__name__
        raise DataError(f"target: {kind} is no name of a column; its values are given as y")
    return [str(name) for name in names]


def _joined(tables: dict[str, Rows], groups: Any, settings: dict[str, Any]) -> GivenRows:
    """Train and test as two tables; where val rows are given, all as one with a column for it."""
    train = tables["train"]
    if groups is not None:
        if "val" in tables:
            raise DataError("groups and val: the rows of val are given; leave out one of them")
        train, column = _with_groups(train, groups)
        settings |= {"dataset.split": "group", "dataset.split_column": column}
    for name, rows in tables.items():
        absent = [c for c in train.table.column_names if c not in rows.table.column_names]
        if absent and absent != [settings.get("dataset.split_column")]:
            raise DataError(f"{name} lacks the column {absent[0]!r}")
    if "val" not in tables:
        test = tables["test"].table if "test" in tables else None
        if test is not None and groups is not None:
            missing = [c for c in train.table.column_names if c not in test.column_names]
            for name in missing:
                test = test.append_column(name, pa.nulls(len(test), train.table[name].type))
        return GivenRows(train, test, settings)
    column = free_name(SPLIT, train.table.column_names)
    names = train.table.column_names
    marked = [
        rows.table.select(names).append_column(column, pa.array([name] * len(rows.table)))
        for name, rows in tables.items()
    ]
    settings |= {"dataset.split": "column", "dataset.split_column": column}
    if "test" not in tables:
        settings["dataset.test_size"] = 0
    try:
        table = pa.concat_tables(marked, promote_options="permissive").unify_dictionaries()
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as e:
        raise DataError(
            f"columns differ in train, val or test ({str(e).splitlines()[0]})"
        ) from None
    return GivenRows(replace(train, table=table), None, settings)


def _pair(part: Any, name: str, *, needed: bool) -> tuple[Any, Any]:
    """Inputs and targets of val or test, which are a pair where train's are given apart."""
    if not needed:
        return part, None
    if not isinstance(part, tuple) or len(part) != 2:
        raise DataError(f"{name}: with y give a pair, {name}=(X, y)")
    return part


def _with_target(rows: Rows, y: Any, part: str) -> tuple[Rows, list[str]]:
    """The rows with the target's columns, under their own names where these are free."""
    taken = rows.table.column_names
    columns = _target_columns(y)
    names = list(columns)
    free = [free_name(name, taken) for name in names]
    table = rows.table
    for name, array in zip(free, columns.values(), strict=True):
        table = _appended(table, name, array, f"y of {part}")
    return replace(rows, table=table), free


def _target_columns(y: Any) -> dict[str, pa.Array]:
    if isinstance(y, pd.Series):
        return {str(y.name or TARGET): column_array(y, str(y.name or TARGET))}
    if isinstance(y, list | tuple) and not any(isinstance(cell, list | tuple) for cell in y):
        return {TARGET: column_array(pd.Series(list(y)), TARGET)}
    if hasattr(y, "__arrow_c_stream__") and not hasattr(y, "columns"):  # a Series of polars
        return {getattr(y, "name", None) or TARGET: pa.chunked_array(y).combine_chunks()}
    array = np.asarray(y) if not hasattr(y, "columns") and hasattr(y, "__array__") else None
    if array is not None and array.ndim == 1:
        return {TARGET: column_array(pd.Series(array), TARGET)}
    table = read_rows(y).table
    if array is not None:
        table = table.rename_columns([f"{TARGET}{i}" for i in range(table.num_columns)])
    return {name: table[name].combine_chunks() for name in table.column_names}


def _with_groups(rows: Rows, groups: Any) -> tuple[Rows, str]:
    """The rows with a column of groups, and its name."""
    return _with_column(rows, groups, GROUP, "groups")


def _with_weights(tables: dict[str, Rows], weights: Any) -> str:
    """Gives training rows a column of weights, and others where they lack it an empty one.

    Returns the column's name.
    """
    what = "weight" if isinstance(weights, str) else "sample_weight"
    rows, name = _with_column(tables["train"], weights, WEIGHT, what)
    tables["train"], kind = rows, rows.table[name].type
    for part, others in tables.items():
        if name not in others.table.column_names:
            empty = pa.nulls(len(others.table), kind)
            tables[part] = replace(others, table=others.table.append_column(name, empty))
    return name


def _with_column(rows: Rows, given: Any, name: str, what: str) -> tuple[Rows, str]:
    """The rows with a column that is named or given by its cells, and its name."""
    if isinstance(given, str):
        if given not in rows.table.column_names:
            raise DataError(f"{what}={given!r}: no such column")
        return rows, given
    name = free_name(name, rows.table.column_names)
    cells = np.asarray(given)
    if cells.ndim != 1:
        raise DataError(f"{what}: {cells.ndim} dimensions; give one value for each row")
    array = column_array(pd.Series(cells), name)
    return replace(rows, table=_appended(rows.table, name, array, what)), name


def one_of(**given: Any) -> Any:
    """The one of two arguments that is given, where one is. Raises: DataError for both."""
    values = [value for value in given.values() if value is not None]
    if len(values) > 1:
        raise DataError(f"{' and '.join(given)}: give one of them")
    return values[0] if values else None


def _appended(table: pa.Table, name: str, array: pa.Array, what: str) -> pa.Table:
    if len(array) != len(table):
        raise DataError(f"{what} has {len(array)} rows, the inputs have {len(table)}")
    return table.append_column(name, plain_column(pa.chunked_array([array])))


def free_name(name: str, taken: Sequence[str]) -> str:
    return name if name not in taken else free_name(f"{name}_", taken)


def _checked(rows: Rows) -> Rows:
    files = rows.settings.get("dataset.image")
    for field in rows.table.schema:
        if not is_one_value(field.type) and field.name != files:
            raise DataError(
                f"column {field.name!r}: {field.type} is not one number, text, boolean or date "
                "per row; convert or drop it"
            )
    if not len(rows.table):
        raise DataError("no rows")
    return rows
