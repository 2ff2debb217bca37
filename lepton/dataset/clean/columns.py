"""What each column is, and its cells parsed to that."""

import difflib

import numpy as np
import pandas as pd
from pandas.api import types

from lepton.dataset.clean import cell_parsing
from lepton.dataset.clean.cleaning_note import Note
from lepton.errors import DataError

KINDS = ("numeric", "categorical", "boolean", "date", "ignore")
ENOUGH = 20  # values from which on "all different" says that a column identifies rows
MOSTLY = 0.5  # share of numbers from which on a text column is likely a number column with slips


def infer_kinds(frame: pd.DataFrame, declared: dict[str, str]) -> tuple[dict[str, str], list[Note]]:
    """The kind of every column, found or as declared, and a note for each that is not plain.

    Raises: DataError when a declared column or kind does not exist, when two columns share a name,
        or when dates that are not in the calendar stand among dates.
    """
    _refuse_twins(frame)
    for name, kind in declared.items():
        if name not in frame.columns:
            raise DataError(f"dataset.columns.{name}: no such column{near(name, frame.columns)}")
        if kind not in KINDS:
            hint = near(str(kind), KINDS)
            raise DataError(f"dataset.columns.{name}: {kind!r} is no kind of column{hint}")
    kinds, notes = {}, []
    for name in frame.columns:
        kinds[name], note = (declared[name], None) if name in declared else _kind(frame[name])
        notes += [note] if note else []
    return kinds, notes


def typed(frame: pd.DataFrame, kinds: dict[str, str]) -> pd.DataFrame:
    """The columns that are not ignored, in the order of `kinds`, parsed; further ones are left out.

    numeric: float64 (float32 stays) with NaN. categorical: object, text with np.nan. boolean:
    object, "true" or "false" with np.nan; another word stays as it is. date: datetime64[ns], NaT.

    Raises: DataError naming column, row (the first data row is 1) and value of the first cell that
        is no number, infinite or no date; naming a column that is not there.
    """
    _refuse_twins(frame)
    parsed = {}
    for name, kind in kinds.items():
        if kind == "ignore":
            continue
        if name not in frame.columns:
            raise DataError(f"column {name!r} is missing{near(name, frame.columns)}")
        parsed[name] = PARSE[kind](frame[name])
    return pd.DataFrame(parsed, index=frame.index)


def near(name: str, known) -> str:
    """A tail for an error message: the closest known name, and the first of those that exist."""
    known = [str(k) for k in known]
    close = difflib.get_close_matches(str(name), known, n=1)
    there = ", ".join(known[:12]) + (", ..." if len(known) > 12 else "")
    return (f"; did you mean {close[0]!r}?" if close else "") + f" (there are: {there})"


def _refuse_twins(frame: pd.DataFrame) -> None:
    twins = frame.columns[frame.columns.duplicated()]
    if len(twins):
        raise DataError(f"column {twins[0]!r} is there twice; give each column its own name")


def _kind(column: pd.Series) -> tuple[str, Note | None]:
    """Kind of one column, and why, where that is worth a word."""
    name, present = f"column {column.name}", column.dropna()
    if isinstance(column.dtype, pd.CategoricalDtype):
        kind, note = "categorical", None
    elif types.is_bool_dtype(column):
        kind, note = "boolean", None
    elif types.is_numeric_dtype(column):
        kind, note = "numeric", None
    elif types.is_datetime64_any_dtype(column):
        kind, note = "date", None
    else:
        present = cell_parsing.text(column).dropna()
        kind, note = _kind_of_text(present, name)
    different, count = present.nunique(), len(column)
    if different == 0:
        return "ignore", Note("no values, ignored", count, name)
    if different == 1 and len(present) == count:
        return "ignore", Note(f"always {present.iloc[0]}, ignored", count, name)
    if different == len(present) >= ENOUGH and (
        kind == "categorical" or (kind == "numeric" and _consecutive(present))
    ):
        why = f"looks like an identifier, ignored; dataset.columns.{column.name}={kind} keeps it"
        return "ignore", Note(why, count, name)
    return kind, note


def _kind_of_text(present: pd.Series, name: str) -> tuple[str, Note | None]:
    """Kind of a column of texts without missing ones."""
    numbers = cell_parsing.is_number(present)
    if len(present) and numbers.all():
        codes = cell_parsing.is_code(present)
        if not codes.any():
            return "numeric", None
        what = f"digits that are codes ({present[codes].iloc[0]!r}), taken as categories"
        return "categorical", Note(what, int(codes.sum()), name)
    if cell_parsing.is_boolean(present):
        return "boolean", None
    if len(present) and cell_parsing.looks_like_date(present).all():
        cell_parsing.dates(present)  # refuses days that are not in the calendar
        return "date", None
    if len(present) and cell_parsing.is_slashed_date(present).all():
        what = "dates without a clear order of day and month, not used as dates; write 2024-12-31"
        return "categorical", Note(what, len(present), name)
    if numbers.mean() >= MOSTLY:
        first = present[~numbers].iloc[0]
        what = f"text among numbers (first {first!r}), the column is taken as categories"
        return "categorical", Note(what, int((~numbers).sum()), name)
    return "categorical", None


def _consecutive(present: pd.Series) -> bool:
    """Whether different numbers are integers without a gap."""
    values = present.to_numpy(dtype=object).astype(float)
    whole = np.isfinite(values).all() and (values == np.floor(values)).all()
    return bool(whole and values.max() - values.min() == len(values) - 1)


PARSE = {
    "numeric": cell_parsing.numbers,
    "categorical": cell_parsing.text,
    "boolean": cell_parsing.booleans,
    "date": cell_parsing.dates,
}
