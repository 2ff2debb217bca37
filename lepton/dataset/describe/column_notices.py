"""Notes on numbers that may be something else: identifiers, dates, codes, stand-ins for missing."""

import re
from collections.abc import Callable, Iterable
from itertools import islice

import numpy as np
import pandas as pd

from lepton.config.words import shell_word, typed_column
from lepton.dataset.clean.cell_parsing import to_numbers
from lepton.dataset.clean.cleaning_note import CleaningNote
from lepton.dataset.clean.number_blocks import number_block
from lepton.dataset.read.raw_table import RawTable
from lepton.preprocessing.many_columns import CELLS_READ, in_groups

MAX_CELLS = 20_000_000  # that are looked at; of wide tables the first columns
LEAST_ROWS, MANY_ROWS = 50, 1000
EVEN = 0.05  # from an even spread, at most, of numbers that were handed out
MOST_CODES = 30
STAND_INS = (-9, -99, -999, -9999, -99999, 99, 999, 9999, 99999, 999999, 9999999, 99999999)
NEGATIVE = (-7, -8, -9)  # no answer, not known, refused: as surveys and credit bureaus have them
IDENTIFIERS = {"id", "ids", "uid", "uuid", "identifier", "key", "account", "customernumber"}
CATEGORIES = {
    *("code", "type", "kind", "category", "class", "region", "zone", "zip", "postcode"),
    *("state", "country", "city", "branch", "marriage", "marital", "race", "ethnicity"),
    *("religion", "job", "occupation", "profession", "industry", "sector", "purpose", "channel"),
    *("color", "colour", "brand", "product", "department", "segment"),
}
QUANTITIES = {
    *("year", "years", "month", "months", "day", "days", "number", "num", "count", "level"),
    *("score", "rate", "size", "total", "amount", "share", "avg", "mean", "max", "min", "age"),
}


def column_notices(table: RawTable, names: Iterable[str]) -> list[CleaningNote]:
    """A note at most on each of these columns of numbers, with the override to paste."""
    looked_at = list(islice(names, MAX_CELLS // max(1, len(table))))
    return [
        note
        for group in in_groups(looked_at, len(table), CELLS_READ)
        for name, values in zip(group, _numbers(table, group), strict=True)
        if (note := _notice(name, values))
    ]


def _numbers(table: RawTable, names: list[str]) -> Iterable[np.ndarray]:
    block = number_block(table, names)
    return (to_numbers(table[name]).to_numpy() for name in names) if block is None else block.T


def _notice(name: str, values: np.ndarray) -> CleaningNote | None:
    present = values[np.isfinite(values)]
    if len(present) < LEAST_ROWS or not (present == np.floor(present)).all():
        return None
    for find in FINDERS:
        if (found := find(name, present)) is not None:
            return CleaningNote(*found, f"column {name}")
    return None


def _identifier(name: str, present: np.ndarray) -> tuple[str, int] | None:
    """Numbers that all differ, and are called so, in order, or evenly spread over their range."""
    distinct = np.unique(present)
    if len(distinct) < len(present):
        return None
    steps, reach = np.diff(present), distinct[-1] - distinct[0]
    ranks = (distinct - distinct[0]) / max(reach, 1)
    are_even = np.abs(ranks - np.linspace(0, 1, len(ranks))).max() < EVEN
    is_ordered = (steps > 0).all() or (steps < 0).all()
    is_long = len(present) >= MANY_ROWS
    if not (_words(name) & IDENTIFIERS or (is_long and (is_ordered or are_even))):
        return None
    advice = typed_column(name, "ignore")
    return f"numbers that all differ, as identifiers do; {advice} leaves them out", len(present)


def _date(name: str, present: np.ndarray) -> tuple[str, int] | None:
    """Numbers that are all days of the calendar, as 20241231."""
    if present.min() < 19000101 or present.max() > 20991231:
        return None
    days = pd.to_datetime(
        pd.Series(present.astype(int)).astype(str), format="%Y%m%d", errors="coerce"
    )
    if days.isna().any() or days.nunique() < 2:
        return None
    first = days.iloc[0].date().isoformat()
    return f"numbers that read as days; write them as {first} to use them as dates", len(present)


def _stand_in(name: str, present: np.ndarray) -> tuple[str, int] | None:
    """A few values as -9 or 999 that stand far from all others."""
    odd = [value for value in STAND_INS if _stands_apart(value, present)]
    if (present < 0).any() and np.isin(present[present < 0], NEGATIVE).all():
        odd = [value for value in NEGATIVE if (present == value).any()]
        odd = odd if -9 in odd and present.max() > 0 else []
    if not odd:
        return None
    column = name if name.isidentifier() else f"`{name}`"
    listed = ", ".join(map(str, odd))
    test = f"{column} != {listed}" if len(odd) == 1 else f"{column} not in [{listed}]"
    count = int(np.isin(present, odd).sum())
    remark = f"{' and '.join(map(str, odd))} may stand for missing values; dataset.missing of a CSV"
    return f"{remark} says so, {shell_word(f'dataset.where={test}')} leaves the rows out", count


def _stands_apart(value: int, present: np.ndarray) -> bool:
    """True for a value of several rows that is further from the others than they spread."""
    others = present[present != value]
    if (present == value).sum() < 3 or len(others) < LEAST_ROWS // 2:
        return False
    low, high = others.min(), others.max()
    gap = low - value if value < 0 else value - high
    return low >= 0 and high > low and gap > (0 if value < 0 else 2 * (high - low))


def _code(name: str, present: np.ndarray) -> tuple[str, int] | None:
    """A few whole numbers of a column that is called as categories are."""
    count, words = len(np.unique(present)), _words(name)
    if not (2 < count <= MOST_CODES and words & CATEGORIES) or words & QUANTITIES:
        return None
    advice = typed_column(name, "categorical")
    return f"{count} whole numbers that may be codes; {advice} takes them as such", len(present)


FINDERS: tuple[Callable[[str, np.ndarray], tuple[str, int] | None], ...] = (
    *(_identifier, _date, _stand_in, _code),
)


def _words(name: str) -> set[str]:
    """The words of a column's name, as customerID, customer_id and Customer.ID have them."""
    return {word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)}
