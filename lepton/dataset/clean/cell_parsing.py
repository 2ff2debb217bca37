"""Cells of a column, each parsed by itself: its value does not hang on what stands beside.

Series keep their index and name; a missing cell is NaN, None, NaT, or blank text.
"""

import numpy as np
import pandas as pd
import pyarrow as pa
from pandas.api import types
from pyarrow import compute as pc

from lepton.errors import DataError

NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|[+-]?(?:inf|infinity|Inf|Infinity)"
CODE = r"[+-]?0\d+|[+-]?[1-9]\d{15,}"  # zero-padded, or more digits than a float holds
DATE = (  # what can be read in one way only: ISO, with / for -, or the dotted day.month.year
    r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?"
    r"|\d{4}/\d{1,2}/\d{1,2}|\d{1,2}\.\d{1,2}\.\d{4}"
)
SLASHED = r"\d{1,2}[/-]\d{1,2}[/-]\d{4}"
NO_DAY = "is not a day of the calendar between 1678 and 2262"
PAIRS = ({"true", "false"}, {"yes", "no"}, {"y", "n"}, {"t", "f"})
TRUTH = dict.fromkeys(("true", "yes", "y", "t", "1"), "true") | dict.fromkeys(
    ("false", "no", "n", "f", "0"), "false"
)


def text(column: pd.Series) -> pd.Series:
    """Cells as text, of object dtype with np.nan for missing; 1, 1.0 and "1.0" are all "1"."""
    words = _arrow(column)
    words = pc.utf8_trim_whitespace(words)
    words = pc.replace_substring_regex(words, r"^(-?(?:0|[1-9]\d*))\.0$", r"\1")
    words = pc.if_else(pc.equal(words, ""), pa.scalar(None, pa.string()), words)
    found = words.to_numpy(zero_copy_only=False)
    found[words.is_null().to_numpy(zero_copy_only=False)] = np.nan
    return pd.Series(found, column.index, dtype=object, name=column.name)


def _arrow(column: pd.Series) -> pa.Array:
    """Cells written out, as they are."""
    if types.infer_dtype(column, skipna=True) in ("string", "empty"):
        return pa.array(column.to_numpy(dtype=object, na_value=None), pa.string())
    if types.is_object_dtype(column.dtype):
        missing = column.isna().to_numpy(dtype=bool)
        pairs = zip(missing, column.tolist(), strict=True)
        return pa.array([None if gone else str(value) for gone, value in pairs], pa.string())
    codes, values = pd.factorize(column)  # one conversion per distinct value
    values = values.to_numpy() if types.is_float_dtype(values) else values  # float32 as float32
    words = pa.array([str(value) for value in values], pa.string())
    return words.take(pa.array(codes, mask=codes < 0))


def numbers(column: pd.Series) -> pd.Series:
    """Cells as floats with NaN: float64, or the column itself where it holds floats already.

    Raises: DataError for text and for infinities, such as 1e400.
    """
    if column.dtype in ("float32", "float64"):
        values = column.to_numpy()
    elif types.is_numeric_dtype(column.dtype):
        values = column.to_numpy(dtype=float, na_value=np.nan)
    else:
        words = text(column)
        words = words.mask(words == "True", "1").mask(words == "False", "0")
        wrong = words.notna() & ~is_number(words)
        _refuse(column, wrong, "is not a number; mend it, or declare the column categorical")
        values = to_float(words)
    parsed = pd.Series(values, column.index, name=column.name)
    _refuse(column, np.isinf(parsed), "is not finite; leave the cell empty or give a number")
    return parsed


def to_float(words: pd.Series) -> np.ndarray:
    """The float64 nearest to each text, NaN for missing; every text must be a number."""
    return words.to_numpy(dtype=object).astype(float)


def booleans(column: pd.Series) -> pd.Series:
    """Cells as "true" and "false"; a word that is neither stays, to be counted as unseen."""
    words = text(column)
    return words.str.lower().map(TRUTH).astype(object).where(lambda found: found.notna(), words)


def dates(column: pd.Series) -> pd.Series:
    """Cells as datetime64[ns], UTC without its zone; NaT for missing.

    Raises: DataError for what is not a date or not between the years 1678 and 2262.
    """
    if types.is_datetime64_any_dtype(column.dtype):
        parsed = column.dt.tz_convert(None) if column.dt.tz is not None else column
    else:
        words = text(column)
        _refuse(column, words.notna() & ~looks_like_date(words), "is not a date like 2024-12-31")
        iso = words.str.replace(r"^(\d+)\.(\d+)\.(\d+)$", _dotted, regex=True)
        iso = iso.str.replace(r"^(\d+)/(\d+)/(\d+)$", _slashed, regex=True)
        parsed = pd.to_datetime(iso, format="ISO8601", utc=True, errors="coerce")
        parsed = parsed.dt.tz_localize(None)
        _refuse(column, words.notna() & parsed.isna(), NO_DAY)
    low, high = pd.Timestamp("1678-01-01"), pd.Timestamp("2262-01-01")
    _refuse(column, (parsed < low) | (parsed > high), NO_DAY)
    return parsed.astype("datetime64[ns]")


def is_number(words: pd.Series) -> pd.Series:
    return _matches(words, NUMBER)


def is_code(words: pd.Series) -> pd.Series:
    """Digits whose value as a number would lose something."""
    return _matches(words, CODE)


def looks_like_date(words: pd.Series) -> pd.Series:
    return _matches(words, DATE)


def is_slashed_date(words: pd.Series) -> pd.Series:
    """Day and month in an order that a single cell does not tell."""
    return _matches(words, SLASHED)


def is_boolean(words: pd.Series) -> bool:
    """Whether texts are the two words of one pair, such as yes and no."""
    found = {w.lower() for w in words.unique()} if words.nunique() <= 6 else set()
    return bool(found) and any(found <= pair for pair in PAIRS)


def _matches(words: pd.Series, pattern: str) -> pd.Series:
    """Whether whole texts match; missing ones do not."""
    cells = pa.array(words.to_numpy(dtype=object), pa.string(), from_pandas=True)
    found = pc.match_substring_regex(cells, rf"\A(?:{pattern})\z").fill_null(False)
    return pd.Series(found.to_numpy(zero_copy_only=False), words.index, dtype=bool)


def _dotted(m) -> str:
    return f"{m[3]}-{m[2]:0>2}-{m[1]:0>2}"


def _slashed(m) -> str:
    return f"{m[1]}-{m[2]:0>2}-{m[3]:0>2}"


def _refuse(column: pd.Series, wrong, why: str) -> None:
    """Raises for the first cell of `column` that is marked in `wrong`."""
    rows = np.flatnonzero(np.asarray(wrong, dtype=bool))
    if len(rows):
        value = column.iloc[rows[0]]
        value = repr(value) if isinstance(value, str) else value
        more = f" ({len(rows)} such cells)" if len(rows) > 1 else ""
        raise DataError(f"column {column.name!r}, row {rows[0] + 1}: {value} {why}{more}")
