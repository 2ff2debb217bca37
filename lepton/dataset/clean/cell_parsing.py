"""Parsers of a column's cells: text, numbers, booleans and dates.

Each cell is parsed by itself: its value does not depend on its neighbours. Series keep their index
and name; a missing cell is NaN, None, NaT, or blank text.
"""

import re

import numpy as np
import pandas as pd
import pyarrow as pa
from pandas.api import types
from pyarrow import compute as pc

from lepton.dataset.clean.cell_texts import (
    Cells,
    as_categories,
    as_numpy,
    as_objects,
    distinct_texts,
    factorize,
    matches,
    text_cells,
)
from lepton.dataset.clean.written_numbers import plain_numbers
from lepton.errors import RowError

NUMBER_PATTERN = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|[+-]?(?:inf|infinity|Inf|Infinity)"
CODE_PATTERN = r"[+-]?0\d+|[+-]?[1-9]\d{15,}"  # zero-padded, or more digits than a float holds
DATE_PATTERN = (  # only what has one reading: ISO, with / for -, or the dotted day.month.year
    r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?"
    r"|\d{4}/\d{1,2}/\d{1,2}|\d{1,2}\.\d{1,2}\.\d{4}"
)
SLASHED_DATE_PATTERN = r"\d{1,2}[/-]\d{1,2}[/-]\d{4}"
FIRST_DAY, LAST_DAY = pd.Timestamp("1678-01-01"), pd.Timestamp("2262-01-01")
NOT_A_DAY = "is not a day of the calendar between 1678 and 2262"
BOOLEAN_PAIRS = ({"true", "false"}, {"yes", "no"}, {"y", "n"}, {"t", "f"})
TRUE_WORDS, FALSE_WORDS = ("true", "yes", "y", "t", "1"), ("false", "no", "n", "f", "0")
BOOLEAN_WORDS: dict[str, str] = dict.fromkeys(TRUE_WORDS, "true")
BOOLEAN_WORDS |= dict.fromkeys(FALSE_WORDS, "false")


def to_text(column: pd.Series) -> pd.Series:
    """Cells as text, of object dtype with np.nan for missing; 1, 1.0 and "1.0" are all "1"."""
    objects = as_objects(text_cells(column))
    return pd.Series(objects, column.index, dtype=object, name=column.name)


def to_categories(column: pd.Series) -> pd.Series:
    """The cells of `to_text` as pandas categories."""
    return as_categories(column, *distinct_texts(column))


def to_numbers(column: pd.Series) -> pd.Series:
    """Cells as floats with NaN: float64, or the column itself where it holds floats already.

    Raises: DataError for text and for infinities, such as 1e400.
    """
    if column.dtype in ("float32", "float64"):
        values = column.to_numpy()
    elif types.is_numeric_dtype(column.dtype):
        values = column.to_numpy(dtype=float, na_value=np.nan)
    elif (plain := plain_floats(column)) is not None:
        return pd.Series(plain, column.index, name=column.name)
    else:
        cells = text_cells(column)
        for word, digit in (("True", "1"), ("False", "0")):
            cells = pc.if_else(pc.equal(cells, word), pa.scalar(digit, cells.type), cells)
        if not (matches(cells, NUMBER_PATTERN) | as_numpy(cells.is_null())).all():
            cells = plain_numbers(cells)
        refused = ~matches(cells, NUMBER_PATTERN) & as_numpy(cells.is_valid())
        _refuse_first(
            column, refused, "is not a number; mend it, or declare the column categorical"
        )
        values = cells_to_floats(cells)
    parsed = pd.Series(values, column.index, name=column.name)
    _refuse_first(column, np.isinf(parsed), "is not finite; leave the cell empty or give a number")
    return parsed


def plain_floats(column: pd.Series) -> np.ndarray | None:
    """The cells of a column of texts that are all finite numbers as Arrow reads them, NaN for
    missing; None for others, which may be numbers as well."""
    if not isinstance(column.dtype, pd.StringDtype):
        return None
    cells = pa.array(column.array)
    try:
        values = as_numpy(pc.cast(cells, pa.float64()))
    except pa.ArrowInvalid:
        return None
    is_there = np.isfinite(values)
    all_are = is_there.all() or (
        cells.null_count and is_there.sum() == len(cells) - cells.null_count
    )
    return values if all_are else None


def cells_to_floats(cells: Cells) -> np.ndarray:
    """The float64 nearest to each text, NaN for null; every text must be a number."""
    try:
        return as_numpy(pc.cast(cells, pa.float64()).fill_null(np.nan))
    except pa.ArrowInvalid:  # as of a number that no version of Arrow has to read
        return as_objects(cells).astype(float)


def to_booleans(column: pd.Series) -> pd.Series:
    """Cells as "true" and "false"; a word that is neither stays, to be counted as unseen."""
    return to_boolean_categories(column).astype(object)


def to_boolean_categories(column: pd.Series) -> pd.Series:
    """The cells of `to_booleans` as pandas categories."""
    return as_categories(column, *merge_boolean_words(*distinct_texts(column)))


def merge_boolean_words(codes: np.ndarray, texts: Cells) -> tuple[np.ndarray, Cells]:
    """Distinct texts of a column as the words of `to_booleans`, and the number of each cell's."""
    words = [BOOLEAN_WORDS.get(text.lower(), text) for text in texts.to_pylist()]
    merged, words = factorize(pa.array(words, pa.string()))
    return np.append(merged, -1)[codes], words


def to_dates(column: pd.Series) -> pd.Series:
    """Cells as datetime64[ns], UTC without its zone; NaT for missing.

    Raises: DataError for what is not a date or not between the years 1678 and 2262.
    """
    if types.is_datetime64_any_dtype(column.dtype):
        parsed = column.dt.tz_convert(None) if column.dt.tz is not None else column
    elif (plain := _plain_days(column)) is not None:
        return pd.Series(plain, column.index, name=column.name)
    else:
        texts = to_text(column)
        refused = texts.notna() & ~is_date(texts)
        _refuse_first(column, refused, "is not a date like 2024-12-31")
        iso = texts.str.replace(r"^(\d+)\.(\d+)\.(\d+)$", _iso_from_dotted, regex=True)
        iso = iso.str.replace(r"^(\d+)/(\d+)/(\d+)$", _iso_from_slashed, regex=True)
        parsed = pd.to_datetime(iso, format="ISO8601", utc=True, errors="coerce")
        parsed = parsed.dt.tz_localize(None)
        _refuse_first(column, texts.notna() & parsed.isna(), NOT_A_DAY)
    _refuse_first(column, (parsed < FIRST_DAY) | (parsed > LAST_DAY), NOT_A_DAY)
    return parsed.astype("datetime64[ns]")


def plain_days(cells: Cells) -> np.ndarray | None:
    """Texts that are all days like 2024-12-31 as datetime64[ns], NaT for missing; None for others,
    which may be dates as well."""
    try:
        days = as_numpy(pc.cast(cells, pa.date32()))
    except pa.ArrowInvalid:
        return None
    low, high = FIRST_DAY.asm8.astype(days.dtype), LAST_DAY.asm8.astype(days.dtype)
    are_known = np.isnat(days) | ((days >= low) & (days <= high))
    return days.astype("datetime64[ns]") if are_known.all() else None


def _plain_days(column: pd.Series) -> np.ndarray | None:
    is_text = isinstance(column.dtype, pd.StringDtype)
    return plain_days(pa.array(column.array)) if is_text else None


def is_number(texts: pd.Series) -> pd.Series:
    """True for each text that is a number, in full."""
    return _matches(texts, NUMBER_PATTERN)


def is_code(texts: pd.Series) -> pd.Series:
    """True for each text of digits whose value as a number would lose something."""
    return _matches(texts, CODE_PATTERN)


def is_date(texts: pd.Series) -> pd.Series:
    """True for each text that has the form of a date; its day may be in no calendar."""
    return _matches(texts, DATE_PATTERN)


def is_slashed_date(texts: pd.Series) -> pd.Series:
    """True for each date whose order of day and month a single cell does not tell."""
    return _matches(texts, SLASHED_DATE_PATTERN)


def _matches(texts: pd.Series, pattern: str) -> pd.Series:
    """True for each text that matches as a whole; missing ones do not."""
    cells = pa.array(texts.to_numpy(dtype=object), pa.string(), from_pandas=True)
    return pd.Series(matches(cells, pattern), texts.index, dtype=bool)


def _iso_from_dotted(match: re.Match[str]) -> str:
    return f"{match[3]}-{match[2]:0>2}-{match[1]:0>2}"


def _iso_from_slashed(match: re.Match[str]) -> str:
    return f"{match[1]}-{match[2]:0>2}-{match[3]:0>2}"


def _refuse_first(column: pd.Series, refused: pd.Series, reason: str) -> None:
    """Raises: DataError for the first cell of `column` that is marked in `refused`."""
    rows = np.flatnonzero(np.asarray(refused, dtype=bool))
    if len(rows):
        value = column.iloc[rows[0]]
        value = repr(value) if isinstance(value, str) else value
        more = f" ({len(rows)} such cells)" if len(rows) > 1 else ""
        raise RowError(f"column {column.name!r}", int(rows[0]), f"{value} {reason}{more}")
