"""Rows of a table that stand in several splits: counted in a line or dropped; and their key."""

from collections.abc import Callable, Iterator, Mapping

import numpy as np
import pandas as pd

from lepton.dataset.clean.cleaning_note import CleaningNote
from lepton.dataset.clean.column_kinds import COMPACT_PARSERS
from lepton.dataset.clean.target import Target
from lepton.dataset.read.raw_table import RawTable
from lepton.dataset.split.duplicates import LATER_SPLITS, find_leaks, refuse_equal_files
from lepton.dataset.split.equal_rows import cell_codes, equal_rows
from lepton.dataset.split.split_rows import SplitRows

WHAT = "inputs"
LEAST_KEYS = 10  # different values that a key of entities has


def table_leaks(
    table: RawTable, kinds: Mapping[str, str], rows: SplitRows, target: Target, *, drop: bool
) -> tuple[SplitRows, list[CleaningNote]]:
    """The splits, without the rows of train and val whose inputs stand in a later split if `drop`.

    Kept ones are counted in one note.
    Raises: DataError when a split would be empty, and for a test file that is the data file.
    """
    used = {name: kind for name, kind in kinds.items() if kind != "ignore"}

    def column(name: str) -> pd.Series:
        return COMPACT_PARSERS[used[name]](table[name])

    positions = np.flatnonzero(target.kept_rows)
    groups = equal_rows(used, column, positions)
    refuse_equal_files(groups, target)
    remaining, notes = find_leaks(rows, groups, drop=drop, what=WHAT)
    if not notes:
        return remaining, notes
    notes = notes if drop else [_in_one(notes, rows)]
    shared = np.flatnonzero(groups >= 0)
    key = next(_keys(used, column, positions[shared], groups[shared]), None)
    if key is not None:
        remark = (
            "the same in all rows of equal inputs and in no others: if it names what was observed, "
            "set dataset.split=group and dataset.split_column to it"
        )
        notes.append(CleaningNote(remark, len(shared), f"column {key}"))
    return remaining, notes


def _in_one(notes: list[CleaningNote], rows: SplitRows) -> CleaningNote:
    """One note that says how many rows of train, and of val, stand in a later split."""
    counts = {note.where: note.count for note in notes}
    parts = [
        f"{counts[where]} of {len(rows[split])} in {split} are in "
        f"{' or '.join(other for other in others if other in rows)}"
        for split, others in reversed(LATER_SPLITS.items())
        if (where := f"the {split} split") in counts
    ]
    remark = f"rows with equal inputs: {', '.join(parts)} too, kept; "
    remark += "dataset.duplicates=drop drops them"
    return CleaningNote(remark, sum(counts.values()), "the splits")


def _keys(
    used: Mapping[str, str],
    column: Callable[[str], pd.Series],
    positions: np.ndarray,
    groups: np.ndarray,
) -> Iterator[str]:
    """Yields columns of texts or whole numbers with one value for each group of equal rows."""
    count = len(np.unique(groups))
    for name, kind in used.items() if count >= LEAST_KEYS else ():
        if kind not in ("categorical", "numeric"):
            continue
        values = column(name).iloc[positions]
        if kind == "numeric" and not (values == np.floor(values)).all():
            continue
        if len(np.unique(cell_codes(values))) == count:
            yield name
