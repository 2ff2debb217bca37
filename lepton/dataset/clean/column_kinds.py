"""Kinds of columns (numeric, categorical, ...), inferred or declared, and parsing to them."""

from collections.abc import Collection

import numpy as np
import pandas as pd
import pyarrow as pa
from pandas.api import types
from pyarrow import compute as pc

from lepton.config.words import typed_column
from lepton.dataset.clean import cell_parsing
from lepton.dataset.clean.cell_texts import Cells, as_objects, matches, text_cells
from lepton.dataset.clean.cleaning_note import CleaningNote
from lepton.dataset.clean.number_blocks import plain_numbers
from lepton.dataset.clean.suggestion import missing_columns, suggestion
from lepton.dataset.clean.written_numbers import are_readable, are_written
from lepton.dataset.read.raw_table import RawTable
from lepton.errors import DataError
from lepton.preprocessing.many_columns import CELLS_READ, in_groups

COLUMN_KINDS = ("numeric", "categorical", "boolean", "date", "ignore")
AS_TEXT = "numbers written as text"
FIRST_CELLS = 4096  # among which equal ones are looked for first
MAJORITY = 0.5  # share of numbers from which on a text column is likely a number column with slips


def infer_kinds(
    frame: pd.DataFrame | RawTable,
    declared: dict[str, str],
    *,
    min_identifier_values: int,
    excluded: Collection[str] = (),
) -> tuple[dict[str, str], list[CleaningNote]]:
    """The kind of every column but those excluded, and a note for each unexpected one.

    It is as declared, or else inferred. A column of that many values or more that all differ is an
    identifier: texts, or whole numbers without a gap.

    Raises: DataError when a declared column or kind does not exist, when two columns share a name,
        or when dates that are not in the calendar stand among dates.
    """
    names = frame.columns[~frame.columns.isin(list(excluded))]
    _refuse_duplicate_columns(names)
    for name, kind in declared.items():
        if name not in names and name not in excluded:
            hint = suggestion(name, names)
            raise DataError(f"dataset.columns.{name}: no such column{hint}")
        if kind not in COLUMN_KINDS:
            hint = suggestion(str(kind), COLUMN_KINDS)
            raise DataError(f"dataset.columns.{name}: {kind!r} is no kind of column{hint}")
    kinds, notes = {}, []
    for group in in_groups(list(names), len(frame), CELLS_READ):
        numbers = plain_numbers(frame, [name for name in group if name not in declared])
        known = dict.fromkeys(numbers, "numeric") | declared
        for name in group:
            kinds[name], note = known.get(name), None
            if name not in known:
                kinds[name], note = _kind(frame[name], min_identifier_values)
            notes += [note] if note else []
    return kinds, notes


def parse_columns(frame: pd.DataFrame, kinds: dict[str, str]) -> pd.DataFrame:
    """The columns that are not ignored, in the order of `kinds`, parsed; further ones are left out.

    numeric: float64 (float32 stays) with NaN. categorical: object, text with np.nan. boolean:
    object, "true" or "false" with np.nan; another word stays as it is. date: datetime64[ns], NaT.

    Raises: DataError naming column, row (the first data row is 1) and value of the first cell that
        is no number, infinite or no date; naming a column that is not there.
    """
    _refuse_duplicate_columns(frame.columns)
    read = {name: kind for name, kind in kinds.items() if kind != "ignore"}
    if absent := [name for name in read if name not in frame.columns]:
        raise DataError(missing_columns(absent, frame.columns))
    parsed = {name: PARSERS[kind](frame[name]) for name, kind in read.items()}
    return pd.DataFrame(parsed, index=frame.index)


def _refuse_duplicate_columns(names: pd.Index) -> None:
    duplicates = names[names.duplicated()]
    if len(duplicates):
        raise DataError(f"column {duplicates[0]!r} is there twice; give each column its own name")


def _kind(column: pd.Series, min_identifier_values: int) -> tuple[str, CleaningNote | None]:
    """The kind of one column, and a note where the kind may surprise."""
    where, rows = f"column {column.name}", len(column)
    if (kind := _kind_of_type(column)) is None:
        present: pd.Series | Cells = text_cells(column).drop_null()
        kind, note = _kind_of_texts(present, str(column.name))
    else:
        present, note = column.dropna(), None
    if not len(present):
        return "ignore", CleaningNote("no values, ignored", rows, where)
    if len(present) == rows and (constant := _only_value(present)) is not None:
        return "ignore", CleaningNote(f"always {constant}, ignored", rows, where)
    may_identify = kind == "categorical" or (kind == "numeric" and _are_consecutive(present))
    if may_identify and len(present) >= min_identifier_values and _all_differ(present):
        advice = typed_column(str(column.name), kind)
        remark = f"looks like an identifier, ignored; {advice} keeps it"
        if note is not None and note.what.startswith(AS_TEXT):
            remark = note.what.replace(", taken as categories", ", all different, ignored")
        return "ignore", CleaningNote(remark, rows, where)
    return kind, note


def _only_value(present: pd.Series | Cells) -> object:
    """The value that all cells have; None where they differ."""
    if isinstance(present, pd.Series):
        first = present.iloc[0]
        return first if (present == first).all() else None
    first = present[0]
    return first.as_py() if pc.all(pc.equal(present, first)).as_py() else None


def _all_differ(present: pd.Series | Cells) -> bool:
    """True when no value stands twice; the first ones mostly tell."""
    for cells in (present[:FIRST_CELLS], present):
        if isinstance(cells, pd.Series):
            distinct = cells.nunique()
        else:
            distinct = pc.count_distinct(cells).as_py()
        if distinct < len(cells):
            return False
    return True


def _kind_of_type(column: pd.Series) -> str | None:
    """The kind of a column by its type alone; None where its cells have to be looked at."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        return "categorical"
    if types.is_bool_dtype(column):
        return "boolean"
    if types.is_numeric_dtype(column):
        return "numeric"
    return "date" if types.is_datetime64_any_dtype(column) else None


def _kind_of_texts(present: Cells, name: str) -> tuple[str, CleaningNote | None]:
    """The kind of a column of texts without its missing cells, and a note as `_kind` gives."""
    where = f"column {name}"
    if present.null_count < len(present) and cell_parsing.plain_days(present) is not None:
        return "date", None
    is_number = matches(present, cell_parsing.NUMBER_PATTERN)
    if len(present) and is_number.all():
        codes = present.filter(pa.array(matches(present, cell_parsing.CODE_PATTERN)))
        if not len(codes):
            return "numeric", None
        remark = f"digits that are codes ({codes[0].as_py()!r}), taken as categories"
        return "categorical", CleaningNote(remark, len(codes), where)
    if _are_boolean(present):
        return "boolean", None
    if len(present) and matches(present, cell_parsing.DATE_PATTERN).all():
        dates = pd.Series(as_objects(present), name=name)
        cell_parsing.to_dates(dates)  # refuses days that are not in the calendar
        return "date", None
    if len(present) and matches(present, cell_parsing.SLASHED_DATE_PATTERN).all():
        remark = "dates without a clear order of day and month, not used as dates; write 2024-12-31"
        return "categorical", CleaningNote(remark, len(present), where)
    if (how := _written_how(present, name)) is not None:
        remark = f"{AS_TEXT} (first {present[0].as_py()!r}), taken as categories; {how}"
        return "categorical", CleaningNote(remark, len(present), where)
    if len(present) and is_number.mean() >= MAJORITY:
        others = present.filter(pa.array(~is_number))
        remark = f"text among numbers (first {others[0].as_py()!r}), the column is taken as "
        return "categorical", CleaningNote(f"{remark}categories", len(others), where)
    return "categorical", None


def _written_how(present: Cells, name: str) -> str | None:
    """How cells that are numbers to a person become numbers; None where they are none."""
    if are_readable(present):
        return f"{typed_column(str(name), 'numeric')} reads them"
    if are_written(present):
        return "write plain numbers, without currency, unit or marks between thousands, to use them"
    return None


def _are_boolean(present: Cells) -> bool:
    """True when the texts are the two words of one pair, such as yes and no."""
    texts = pc.unique(present)
    words = {text.lower() for text in texts.to_pylist()} if len(texts) <= 6 else set()
    return bool(words) and any(words <= pair for pair in cell_parsing.BOOLEAN_PAIRS)


def _are_consecutive(present: pd.Series | Cells) -> bool:
    """True when different numbers are integers without a gap."""
    if isinstance(present, pd.Series):
        values = present.to_numpy(dtype=float)
    else:
        values = cell_parsing.cells_to_floats(present)
    are_whole = np.isfinite(values).all() and (values == np.floor(values)).all()
    return bool(are_whole and values.max() - values.min() == len(values) - 1)


PARSERS = {
    "numeric": cell_parsing.to_numbers,
    "categorical": cell_parsing.to_text,
    "boolean": cell_parsing.to_booleans,
    "date": cell_parsing.to_dates,
}
# the same columns, texts and words as pandas categories, without an object a cell
COMPACT_PARSERS = PARSERS | {
    "categorical": cell_parsing.to_categories,
    "boolean": cell_parsing.to_boolean_categories,
}
