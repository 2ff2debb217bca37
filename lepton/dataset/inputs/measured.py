"""MeasuredColumn: what tells of the inputs of rows, a value a row, for a profile of data."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from lepton.dataset.clean.column_kinds import COMPACT_PARSERS
from lepton.dataset.read.raw_table import RawTable

IGNORED = "ignored"  # what a column holds that might have been an input


@dataclass(frozen=True)
class MeasuredColumn:
    """A column of a table, or something measured of inputs, for some rows.

    `what`: a word for what it holds, as number or category; `is_input`: a model reads it as it is.
    """

    name: str
    what: str
    values: pd.Series
    is_input: bool = True


def some_rows(table: RawTable, names: list[str], rows: np.ndarray) -> pd.DataFrame:
    """These rows of some columns, as they were read. Shapes: rows (n,), positions in the table."""
    columns = {name: table[name].iloc[rows].reset_index(drop=True) for name in names}
    return pd.DataFrame(columns, index=pd.RangeIndex(len(rows)), copy=False)


def kind_of_values(values: pd.Series) -> str:
    """number, date or category, by the type of the values."""
    if pd.api.types.is_bool_dtype(values):
        return "category"
    if pd.api.types.is_numeric_dtype(values):
        return "number"
    return "date" if pd.api.types.is_datetime64_any_dtype(values) else "category"


def parsed_columns(
    table: RawTable, names: list[str], rows: np.ndarray, kinds: Mapping[str, str]
) -> Iterator[MeasuredColumn]:
    """Yields these rows of columns, parsed as their kinds say; ignored ones as they stand."""
    for name in names:
        kind, values = kinds.get(name, "ignore"), table[name].iloc[rows]
        if kind != "ignore":
            values = COMPACT_PARSERS[kind](values)
        what = IGNORED if kind == "ignore" else kind
        yield MeasuredColumn(name, what, values.reset_index(drop=True), kind != "ignore")
