"""Columns of texts: checked to hold texts, stripped, and freed of rows without any."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from pandas.api import types

from lepton.dataset.clean import cell_parsing
from lepton.dataset.clean.cleaning_note import CleaningNote
from lepton.dataset.clean.column_kinds import MAJORITY
from lepton.dataset.clean.suggestion import suggestion
from lepton.dataset.clean.target import Target
from lepton.errors import DataError


@dataclass(frozen=True)
class CleanedTexts:
    """Texts of all rows, and the target, which keeps no row whose texts are all empty.

    Shapes: texts (rows, columns), empty where the cell was missing.
    """

    texts: np.ndarray
    target: Target
    notes: list[CleaningNote]


def clean_texts(frame: pd.DataFrame, columns: list[str], target: Target) -> CleanedTexts:
    """The texts of these columns; rows of which all are empty are dropped from the target.

    Raises: DataError naming a column that is not there, or holds no texts.
    """
    texts = parse_texts(frame, columns)
    for i, name in enumerate(columns):
        _refuse_other_kinds(frame[name], texts[target.kept_rows, i])
    is_empty = (texts == "").all(axis=1) & target.kept_rows
    where, notes = f"column {', '.join(columns)}", []
    if is_empty.sum() == target.kept_rows.sum():
        raise DataError(f"{where}: every text is empty")
    if is_empty.any():
        notes.append(CleaningNote("empty text, row dropped", int(is_empty.sum()), where))
        values = target.values[~is_empty[target.kept_rows]]
        target = replace(target, kept_rows=target.kept_rows & ~is_empty, values=values)
    for i, name in enumerate(columns if len(columns) > 1 else []):
        empty_cells = int((texts[target.kept_rows, i] == "").sum())
        if empty_cells:
            remark = "empty text beside one that is not, kept"
            notes.append(CleaningNote(remark, empty_cells, f"column {name}"))
    return CleanedTexts(texts, target, notes)


def parse_texts(frame: pd.DataFrame, columns: list[str]) -> np.ndarray:
    """Cells as texts without surrounding blanks; missing ones are empty.

    Shapes: -> (rows, columns).
    Raises: DataError when a column is missing or its cells are not texts.
    """
    parsed = []
    for name in columns:
        if name not in frame.columns:
            raise DataError(f"column {name!r} is missing{suggestion(name, frame.columns)}")
        column = frame[name]
        kind = types.infer_dtype(column, skipna=True)
        if kind not in ("string", "empty", "categorical"):
            raise DataError(f"column {name!r} holds {kind} values, not texts")
        texts = column.astype(object).where(column.notna(), "")
        parsed.append(texts.astype(str).str.strip().to_numpy(dtype=object))
    return np.stack(parsed, 1) if parsed else np.empty((len(frame), 0), dtype=object)


def tokenizer_inputs(texts: np.ndarray) -> list[str] | list[tuple[str, str]]:
    """Texts, or pairs of them, as a tokenizer takes them.

    Shapes: texts (rows, columns).
    """
    rows = texts.tolist()
    if texts.shape[1] == 1:
        return [text for (text,) in rows]
    return [(first, second) for first, second in rows]


def _refuse_other_kinds(column: pd.Series, texts: np.ndarray) -> None:
    """Raises: DataError for numbers, dates or one text throughout, written as text."""
    present = pd.Series(texts[texts != ""], dtype=object)
    if not len(present):
        return
    for is_kind, kind in ((cell_parsing.is_number, "numbers"), (cell_parsing.is_date, "dates")):
        of_kind = is_kind(present)
        if of_kind.mean() > MAJORITY:
            share = f"{100 * of_kind.mean():.0f} % of its cells are {kind}"
            example = present[of_kind].iloc[0]
            raise DataError(f"column {column.name!r} is not text: {share} ({example})")
    if len(texts) > 1 and present.nunique() == 1 and len(present) == len(texts):
        raise DataError(f"column {column.name!r}: every text is {present.iloc[0][:40]!r}")
