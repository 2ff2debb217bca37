"""ColumnProfile: what a page tells of one column, by the groups of the target."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from lepton.dataset.inputs.measured import IGNORED, MeasuredColumn, kind_of_values
from lepton.dataset.inputs.picture import Picture
from lepton.show.alone import codes_of_numbers, codes_of_values, share_given
from lepton.show.distribution import MAX_GROUPS, bin_edges, draw_numbers, draw_values

SHOWN_VALUES = 8  # of a category
MAX_TEXT = 30  # characters of a value
NEARLY_ALL = 0.95  # of the target that a column gives, or of the rows that differ
MOSTLY, NEARLY_ONE = 0.5, 0.995  # of the rows that are missing, or have one value
ORDINARY = ("missing values", "rare categories", "val values", "test values")  # begins of notes
GIVES, QUESTION = "gives the target", "is it known before the target is?"
LEAST_DISTINCT = 20  # values from which on a column may be an identifier


@dataclass(frozen=True)
class ProfiledRows:
    """The rows that profiles are made of: train, then those of val and test that are asked.

    Shapes: groups (train rows,), of the target, -1 in none; target of all (rows,) or (rows, labels)
    """

    train: int
    groups: np.ndarray
    target: np.ndarray
    is_number: bool  # the target
    has_target: bool


@dataclass(frozen=True)
class ColumnProfile:
    """What is told of a column; `remarks` are what may be wrong with it.

    `given`: the share of the target that it gives alone; None where that was not tried.
    """

    name: str
    what: str
    missing: float
    distinct: int
    summary: str
    given: float | None
    picture: Picture
    remarks: tuple[str, ...]

    @property
    def gives_target(self) -> bool:
        """True for a column that nearly gives the target away."""
        return any(GIVES in remark for remark in self.remarks)


def profile_column(
    column: MeasuredColumn, rows: ProfiledRows, notes: Sequence[str]
) -> ColumnProfile:
    """The profile of a column with the values of all these rows; `notes` are what cleaning said."""
    values, count = column.values, rows.train
    present = float(values.iloc[:count].notna().mean()) if count else 0.0
    if kind_of_values(values) == "category":
        train, asked = _texts(values.iloc[:count]), _texts(values.iloc[count:])
        codes = codes_of_values(train, asked)
        distinct = int(train.nunique())
        summary, picture, top = _of_values(column.name, train, rows.groups)
        may_identify = distinct >= max(LEAST_DISTINCT, NEARLY_ALL * present * count)
    else:
        numbers, is_date = _numbers(values), _is_date(values)
        train = numbers[:count]
        codes = codes_of_numbers(train, numbers[count:])
        distinct, may_identify = len(np.unique(train[np.isfinite(train)])), False
        summary, picture, top = _of_numbers(column.name, train, rows.groups, is_date=is_date)
    given = None
    if rows.has_target:
        targets = rows.target[:count], rows.target[count:]
        given = share_given(codes[0], targets[0], codes[1], targets[1], is_number=rows.is_number)
    is_of_inputs = column.is_input or column.what == IGNORED
    remarks = [note for note in notes if is_of_inputs and not note.startswith(ORDINARY)]
    if given is not None and given >= NEARLY_ALL and not any(GIVES in note for note in remarks):
        remarks.insert(0, f"alone {GIVES} in val and test ({100 * given:.0f} %): {QUESTION}")
    if column.is_input:
        remarks += _remarks(present, distinct, top, may_identify)
    return ColumnProfile(
        column.name, column.what, 1 - present, distinct, summary, given, picture, tuple(remarks)
    )


def _remarks(present: float, distinct: int, top: float, may_identify: bool) -> list[str]:
    """What the values of an input alone say against it."""
    remarks = []
    if 1 - present >= MOSTLY:
        remarks.append(f"missing in {100 * (1 - present):.0f} % of the rows")
    if distinct <= 1:
        remarks.append("always the same value" if distinct else "no values")
    elif top >= NEARLY_ONE:
        remarks.append(f"one value in {100 * top:.1f} % of the rows")
    if may_identify:
        remarks.append("nearly every value differs, as in an identifier")
    return remarks


def _is_date(values: pd.Series) -> bool:
    return kind_of_values(values) == "date"


def _numbers(values: pd.Series) -> np.ndarray:
    """Numbers and dates as floats, NaN where missing; infinities too. Units: dates in seconds."""
    if _is_date(values):
        seconds = values.astype("datetime64[s]").astype("int64").to_numpy(dtype=float)
        return np.where(values.isna(), np.nan, seconds)
    numbers = values.to_numpy(dtype=float, na_value=np.nan)
    return np.where(np.isfinite(numbers), numbers, np.nan)


def _texts(values: pd.Series) -> pd.Series:
    """Values of whatever type as texts, None where missing."""
    is_there = values.notna().to_numpy()
    texts = [str(v) if there else None for v, there in zip(values, is_there, strict=True)]
    return pd.Series(texts, dtype=object)


def _of_numbers(
    name: str, numbers: np.ndarray, groups: np.ndarray, *, is_date: bool
) -> tuple[str, Picture, float]:
    """A summary in words, a picture, and the share of the most frequent value."""
    present = numbers[np.isfinite(numbers)]
    if not len(present):
        return "", draw_numbers(np.zeros((1, 1)), f"{name}: no values"), 0.0
    low, middle, high = np.quantile(present, [0, 0.5, 1])
    words = [_written(value, is_date=is_date) for value in (low, middle, high)]
    edges = bin_edges(present)
    counts = np.stack(
        [np.histogram(np.clip(numbers[m], edges[0], edges[-1]), edges)[0] for m in _masks(groups)]
    )
    medians = [_median(numbers[mask], is_date=is_date) for mask in _masks(groups)]
    _, frequencies = np.unique(present, return_counts=True)
    alt = f"{name}: medians by group {', '.join(medians)}"
    top = float(frequencies.max() / len(numbers))
    return " · ".join(words), draw_numbers(counts, alt), top


def _of_values(name: str, texts: pd.Series, groups: np.ndarray) -> tuple[str, Picture, float]:
    """As `_of_numbers`, of the most frequent values."""
    counts = (
        texts.value_counts().sort_index(kind="stable").sort_values(ascending=False, kind="stable")
    )
    if not len(counts):
        return "", draw_values(np.zeros((1, 1)), f"{name}: no values"), 0.0
    shown = [str(value) for value in counts.index[:SHOWN_VALUES]]
    places = pd.Index(shown).get_indexer(pd.Index(texts))
    by_group = np.stack(
        [
            np.bincount(places[mask][places[mask] >= 0], minlength=len(shown))
            for mask in _masks(groups)
        ]
    )
    words = [
        f"{_cut(value)} {100 * count / len(texts):.0f} %" for value, count in counts[:3].items()
    ]
    alt = f"{name}: {', '.join(map(_cut, shown))}"
    return ", ".join(words), draw_values(by_group, alt), float(counts.iloc[0] / len(texts))


def _masks(groups: np.ndarray) -> list[np.ndarray]:
    """The rows of each group that has a colour. Shapes: groups (n,) -> (n,) bool each."""
    count = min(MAX_GROUPS, int(groups.max(initial=0)) + 1)
    return [groups == group for group in range(count)]


def _median(numbers: np.ndarray, *, is_date: bool) -> str:
    present = numbers[np.isfinite(numbers)]
    return _written(float(np.median(present)), is_date=is_date) if len(present) else "none"


def _written(value: float, *, is_date: bool) -> str:
    if is_date:
        return pd.Timestamp(value, unit="s").date().isoformat()
    return f"{value:.5g}"


def _cut(text: object) -> str:
    words = " ".join(str(text).split())
    return words if len(words) <= MAX_TEXT else words[: MAX_TEXT - 1] + "…"
