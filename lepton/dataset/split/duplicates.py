"""Texts that stand in several rows, the same but for case and blanks: within and across splits."""

import hashlib

import numpy as np

from lepton.dataset.clean.cleaning_note import CleaningNote
from lepton.dataset.split.split_rows import SplitRows
from lepton.errors import DataError

LATER_SPLITS = {"val": ("test",), "train": ("val", "test")}  # whose texts a split must not hold
KEY_BYTES = 16


def row_keys(texts: np.ndarray) -> np.ndarray:
    """For each row of texts a digest, which is that of others but for case and blanks.

    Shapes: texts (N, columns) -> (N,) bytes.
    """
    keys = [
        hashlib.blake2b(
            repr([" ".join(text.casefold().split()) for text in row]).encode(),
            digest_size=KEY_BYTES,
        ).digest()
        for row in texts
    ]
    return np.array(keys, dtype=f"S{KEY_BYTES}")


def find_leaks(
    rows: SplitRows, keys: np.ndarray, *, drop: bool
) -> tuple[SplitRows, list[CleaningNote]]:
    """The splits, without the texts of val and test in train and of test in val if `drop`.

    Shapes: keys (total rows,).
    Raises: DataError when a split would be empty.
    """
    remaining, notes = dict(rows), []
    for split, others in LATER_SPLITS.items():
        held_out = np.concatenate([rows[other] for other in others])
        leaked = np.isin(keys[rows[split]], keys[held_out])
        names = " or ".join(others)
        if leaked.any():
            action = "dropped" if drop else "kept; dataset.duplicates=drop drops them"
            remark = f"rows whose text is in {names} too, {action}"
            notes.append(CleaningNote(remark, int(leaked.sum()), f"the {split} split"))
        if drop and leaked.size and leaked.all():
            raise DataError(
                f"the {split} split is empty: every text of it is in {names} too; "
                "is it another file? dataset.duplicates=keep leaves them in"
            )
        if drop:
            remaining[split] = rows[split][~leaked]
    return remaining, notes


def repeat_notes(keys: np.ndarray, split: str) -> list[CleaningNote]:
    """A note on the rows of a split that repeat an earlier one, if there are any."""
    repeats = len(keys) - len(np.unique(keys))
    remark = "rows whose text came before, kept"
    return [CleaningNote(remark, repeats, f"the {split} split")] if repeats else []
