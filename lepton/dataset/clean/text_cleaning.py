"""Columns of texts: told from other columns, cleaned, and looked through for repetitions."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from pandas.api import types

from lepton.dataset.clean import cell_parsing
from lepton.dataset.clean.cleaning_note import Note
from lepton.dataset.clean.columns import MOSTLY, near
from lepton.dataset.clean.target import Target
from lepton.errors import DataError


@dataclass(frozen=True)
class Cleaned:
    """Texts, and the target without the rows that have none.

    Shapes: texts (rows, columns), empty where nothing was.
    """

    texts: np.ndarray
    target: Target
    notes: list[Note]


def texts_of(frame: pd.DataFrame, columns: list[str], target: Target) -> Cleaned:
    """The texts of these columns; rows of which all are empty are dropped.

    Raises: DataError naming a column that is not there, or holds no texts.
    """
    texts = read_texts(frame, columns)
    for i, name in enumerate(columns):
        _refuse_other(frame[name], texts[target.kept, i])
    empty = (texts == "").all(axis=1) & target.kept
    where, notes = f"column {', '.join(columns)}", []
    if empty.sum() == target.kept.sum():
        raise DataError(f"{where}: every text is empty")
    if empty.any():
        notes.append(Note("empty text, row dropped", int(empty.sum()), where))
        stay = ~empty[target.kept]
        target = replace(target, kept=target.kept & ~empty, values=target.values[stay])
    for i, name in enumerate(columns if len(columns) > 1 else []):
        lacking = int((texts[target.kept, i] == "").sum())
        if lacking:
            notes.append(Note("empty text beside one that is not, kept", lacking, f"column {name}"))
    return Cleaned(texts, target, notes)


def read_texts(frame: pd.DataFrame, columns: list[str]) -> np.ndarray:
    """Cells as texts without surrounding blanks; missing ones are empty.

    Shapes: -> (rows, columns).
    Raises: DataError when a column is missing or its cells are not texts.
    """
    read = []
    for name in columns:
        if name not in frame.columns:
            raise DataError(f"column {name!r} is missing{near(name, frame.columns)}")
        column = frame[name]
        kind = types.infer_dtype(column, skipna=True)
        if kind not in ("string", "empty", "categorical"):
            raise DataError(f"column {name!r} holds {kind} values, not texts")
        words = column.astype(object).where(column.notna(), "")
        read.append(words.astype(str).str.strip().to_numpy(dtype=object))
    return np.stack(read, 1) if read else np.empty((len(frame), 0), dtype=object)


def _refuse_other(column: pd.Series, texts: np.ndarray) -> None:
    """Raises: DataError for numbers, dates or one word throughout, written as text."""
    present = pd.Series(texts[texts != ""], dtype=object)
    if not len(present):
        return
    for told, what in (
        (cell_parsing.is_number, "numbers"),
        (cell_parsing.looks_like_date, "dates"),
    ):
        found = told(present)
        if found.mean() > MOSTLY:
            share = f"{100 * found.mean():.0f} % of its cells are {what}"
            raise DataError(
                f"column {column.name!r} is not text: {share} ({present[found].iloc[0]})"
            )
    if len(texts) > 1 and present.nunique() == 1 and len(present) == len(texts):
        raise DataError(f"column {column.name!r}: every text is {present.iloc[0][:40]!r}")


def rows_of(texts: np.ndarray) -> list:
    """Texts, or pairs of them, as a tokenizer takes them."""
    return texts[:, 0].tolist() if texts.shape[1] == 1 else [tuple(row) for row in texts.tolist()]


def leaked(texts: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Which rows stand among the others, but for case and blanks.

    Shapes: texts (N, columns) -> (N,) bool.
    """
    held = set(_plain(others))
    return np.array([row in held for row in _plain(texts)], dtype=bool)


def repeated(texts: np.ndarray) -> int:
    """How many rows repeat an earlier one, but for case and blanks."""
    plain = _plain(texts)
    return len(plain) - len(set(plain))


def _plain(texts: np.ndarray) -> list[tuple[str, ...]]:
    return [tuple(" ".join(text.casefold().split()) for text in row) for row in texts]
