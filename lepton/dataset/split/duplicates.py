"""Rows and texts that stand in several splits, or in both files: counted, dropped or refused."""

import hashlib

import numpy as np

from lepton.dataset.clean.cleaning_note import CleaningNote
from lepton.dataset.clean.target import Target
from lepton.dataset.split.split_rows import SplitRows
from lepton.errors import DataError

LATER_SPLITS = {"val": ("test",), "train": ("val", "test")}  # whose texts a split must not hold
KEY_BYTES = 16
LEAST_EQUAL_ROWS = 5  # of both files, which are one when all of theirs are equal


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
    rows: SplitRows, keys: np.ndarray, *, drop: bool, what: str = "text", under: str = "dataset"
) -> tuple[SplitRows, list[CleaningNote]]:
    """The splits, without the rows of train in val and test, and of val in test, if `drop`.

    `what` of rows is equal where their keys are; the option's keys stand `under` a node.
    Shapes: keys (total rows,).
    Raises: DataError when a split would be empty.
    """
    remaining, notes = dict(rows), []
    for split, later in LATER_SPLITS.items():
        if split not in rows:
            continue
        others = [other for other in later if other in rows]
        held_out = np.concatenate([rows[split][:0], *(rows[other] for other in others)])
        leaked = np.isin(keys[rows[split]], keys[held_out])
        names = " or ".join(others)
        if leaked.any():
            action = "dropped" if drop else f"kept; {under}.duplicates=drop drops them"
            verb = "are" if what.endswith("s") else "is"
            remark = f"rows whose {what} {verb} in {names} too, {action}"
            notes.append(CleaningNote(remark, int(leaked.sum()), f"the {split} split"))
        if drop and leaked.size and leaked.all():
            raise DataError(
                f"the {split} split is empty: every {what} of it is in {names} too; "
                f"is it another file? {under}.duplicates=keep leaves them in"
            )
        if drop:
            remaining[split] = rows[split][~leaked]
    return remaining, notes


def repeat_notes(keys: np.ndarray, split: str, *, what: str = "text") -> list[CleaningNote]:
    """A note on the rows of a split that repeat an earlier one, if there are any."""
    repeats = len(keys) - len(np.unique(keys))
    remark = f"rows whose {what} came before, kept"
    return [CleaningNote(remark, repeats, f"the {split} split")] if repeats else []


def refuse_equal_files(keys: np.ndarray, target: Target) -> None:
    """Raises: DataError where the test file holds the data file's rows, in whatever order.

    Shapes: keys (kept rows,), the same for rows that are equal but for their target.
    """
    if not target.files.slices:
        return
    own = int(target.kept_rows[: target.files.file_rows].sum())
    if own != len(keys) - own or own < LEAST_EQUAL_ROWS:
        return
    values = np.asarray(target.values).reshape(len(keys), -1)
    numbers = np.unique(keys, return_inverse=True)[1]
    columns = [*values.T, numbers]
    first, second = [
        [column[part] for column in columns] for part in (slice(own), slice(own, None))
    ]
    orders = np.lexsort(first), np.lexsort(second)
    if all(np.array_equal(a[orders[0]], b[orders[1]]) for a, b in zip(first, second, strict=True)):
        name, test_name = target.files.names
        raise DataError(
            f"{test_name} holds the {own} rows of {name} and no other, so it would be scored on "
            "what was trained on; leave it out, and a share of the rows is kept for the test"
        )
