"""Texts that stand in several rows, the same but for case and blanks: within and across splits."""

import numpy as np

from lepton.dataset.clean.cleaning_note import CleaningNote
from lepton.dataset.split.split_rows import SplitRows
from lepton.errors import DataError

LATER_SPLITS = {"val": ("test",), "train": ("val", "test")}  # whose texts a split must not hold


def find_leaks(
    rows: SplitRows, texts: np.ndarray, *, drop: bool
) -> tuple[SplitRows, list[CleaningNote]]:
    """The splits, without the texts of val and test in train and of test in val if `drop`.

    Shapes: texts (total rows, columns).
    Raises: DataError when a split would be empty.
    """
    remaining, notes = dict(rows), []
    for split, others in LATER_SPLITS.items():
        held_out = np.concatenate([rows[other] for other in others])
        leaked = stands_among(texts[rows[split]], texts[held_out])
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


def repeat_notes(texts: np.ndarray, split: str) -> list[CleaningNote]:
    """A note on the rows of a split that repeat an earlier one, if there are any."""
    normalized = _normalized(texts)
    repeats = len(normalized) - len(set(normalized))
    remark = "rows whose text came before, kept"
    return [CleaningNote(remark, repeats, f"the {split} split")] if repeats else []


def stands_among(texts: np.ndarray, others: np.ndarray) -> np.ndarray:
    """True for each row of texts that is also one of the others.

    Shapes: texts (N, columns) -> (N,) bool.
    """
    normalized_others = set(_normalized(others))
    return np.array([row in normalized_others for row in _normalized(texts)], dtype=bool)


def _normalized(texts: np.ndarray) -> list[tuple[str, ...]]:
    return [tuple(" ".join(text.casefold().split()) for text in row) for row in texts]
