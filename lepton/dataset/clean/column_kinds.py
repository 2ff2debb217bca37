"""Kinds of columns (numeric, categorical, ...), inferred or declared, and parsing to them."""

from collections.abc import Collection

import numpy as np
import pandas as pd
from pandas.api import types

from lepton.config.words import typed_column
from lepton.dataset.clean import cell_parsing
from lepton.dataset.clean.cell_texts import Cells, as_objects
from lepton.dataset.clean.cleaning_note import CleaningNote
from lepton.dataset.clean.number_blocks import plain_numbers
from lepton.dataset.clean.suggestion import missing_columns, suggestion
from lepton.dataset.clean.text_columns import TextColumn, text_columns
from lepton.dataset.clean.written_numbers import (
    MAX_TEXTS,
    READABLE_PATTERN,
    WRITTEN_PATTERN,
    have_one_unit,
)
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
        undeclared = [name for name in group if name not in declared]
        known = dict.fromkeys(plain_numbers(frame, undeclared), "numeric") | declared
        texts = text_columns(frame, [name for name in undeclared if name not in known])
        for name in group:
            kinds[name], note = known.get(name), None
            if name in texts:
                kinds[name], note = _kind_of_cells(texts[name], len(frame), min_identifier_values)
            elif name not in known:
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
    if (kind := _kind_of_type(column)) is None:
        return _kind_of_cells(TextColumn.of(column), len(column), min_identifier_values)
    name, rows, present = str(column.name), len(column), column.dropna()
    only_value = _only_value(present) if len(present) == rows else None
    if (unused := _unused(name, rows, len(present), only_value)) is not None:
        return "ignore", unused
    may_identify = kind == "categorical" or (
        kind == "numeric" and _are_consecutive(present.to_numpy(dtype=float), len(present))
    )
    if may_identify and len(present) >= min_identifier_values and _all_differ(present):
        return "ignore", _identifier(name, rows, kind, None)
    return kind, None


def _kind_of_cells(
    column: TextColumn, rows: int, min_identifier_values: int
) -> tuple[str, CleaningNote | None]:
    """The same of a column that is told by its cells."""
    kind, note = _kind_of_texts(column)
    only_value = column.texts[0].as_py() if len(column.texts) == 1 else None
    if (unused := _unused(column.name, rows, column.present, only_value)) is not None:
        return "ignore", unused
    if not len(column.texts) == column.present >= min_identifier_values:
        return kind, note
    may_identify = kind == "categorical" or (
        kind == "numeric"
        and _are_consecutive(cell_parsing.cells_to_floats(column.texts), column.present)
    )
    if may_identify:
        return "ignore", _identifier(column.name, rows, kind, note)
    return kind, note


def _unused(name: str, rows: int, present: int, only_value: object) -> CleaningNote | None:
    """A note on a column that says nothing; `only_value` is what all cells hold, None if more."""
    where = f"column {name}"
    if not present:
        return CleaningNote("no values, ignored", rows, where)
    if present == rows and only_value is not None:
        return CleaningNote(f"always {only_value}, ignored", rows, where)
    return None


def _identifier(name: str, rows: int, kind: str, note: CleaningNote | None) -> CleaningNote:
    remark = f"looks like an identifier, ignored; {typed_column(name, kind)} keeps it"
    if note is not None and note.what.startswith(AS_TEXT):
        remark = note.what.replace(", taken as categories", ", all different, ignored")
    return CleaningNote(remark, rows, f"column {name}")


def _only_value(present: pd.Series) -> object:
    """The value that all cells have; None where they differ."""
    if not len(present):
        return None
    first = present.iloc[0]
    return first if (present == first).all() else None


def _all_differ(present: pd.Series) -> bool:
    """True when no value stands twice; the first ones mostly tell."""
    return all(cells.nunique() == len(cells) for cells in (present[:FIRST_CELLS], present))


def _kind_of_type(column: pd.Series) -> str | None:
    """The kind of a column by its type alone; None where its cells have to be looked at."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        return "categorical"
    if types.is_bool_dtype(column):
        return "boolean"
    if types.is_numeric_dtype(column):
        return "numeric"
    return "date" if types.is_datetime64_any_dtype(column) else None


def _kind_of_texts(column: TextColumn) -> tuple[str, CleaningNote | None]:
    """The kind of a column that holds some texts, and a note as `_kind` gives."""
    where, counts = f"column {column.name}", column.counts
    is_number = column.matching(cell_parsing.NUMBER_PATTERN)
    if is_number.all():
        is_code = column.matching(cell_parsing.CODE_PATTERN)
        if not is_code.any():
            return "numeric", None
        remark = f"digits that are codes ({column.first(is_code)!r}), taken as categories"
        return "categorical", CleaningNote(remark, int(counts[is_code].sum()), where)
    if _are_boolean(column.texts):
        return "boolean", None
    if column.all_match(cell_parsing.DATE_PATTERN):
        if cell_parsing.plain_days(column.texts) is None:
            dates = pd.Series(as_objects(column.cells()), name=column.name)
            cell_parsing.to_dates(dates)  # refuses days that are not in the calendar
        return "date", None
    if column.all_match(cell_parsing.SLASHED_DATE_PATTERN):
        remark = "dates without a clear order of day and month, not used as dates; write 2024-12-31"
        return "categorical", CleaningNote(remark, column.present, where)
    if (how := _written_how(column)) is not None:
        first = column.texts[0].as_py()
        remark = f"{AS_TEXT} (first {first!r}), taken as categories; {how}"
        return "categorical", CleaningNote(remark, column.present, where)
    others = int(counts[~is_number].sum())
    if (column.present - others) / column.present >= MAJORITY:
        remark = f"text among numbers (first {column.first(~is_number)!r}), the column is taken as "
        return "categorical", CleaningNote(f"{remark}categories", others, where)
    return "categorical", None


def _written_how(column: TextColumn) -> str | None:
    """How cells that are numbers to a person become numbers; None where they are none."""
    if column.all_match(READABLE_PATTERN):
        return f"{typed_column(column.name, 'numeric')} reads them"
    if column.all_match(WRITTEN_PATTERN) and have_one_unit(column.first_texts(MAX_TEXTS)):
        return "write plain numbers, without currency, unit or marks between thousands, to use them"
    return None


def _are_boolean(texts: Cells) -> bool:
    """True when distinct texts are the two words of one pair, such as yes and no."""
    words = {text.lower() for text in texts.to_pylist()} if len(texts) <= 6 else set()
    return bool(words) and any(words <= pair for pair in cell_parsing.BOOLEAN_PAIRS)


def _are_consecutive(values: np.ndarray, present: int) -> bool:
    """True when different numbers of so many cells are integers without a gap."""
    are_whole = np.isfinite(values).all() and (values == np.floor(values)).all()
    return bool(are_whole and values.max() - values.min() == present - 1)


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
