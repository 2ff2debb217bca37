"""Notes on what preparing a table filled and merged, and on values that only val and test have."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from lepton.dataset.clean.cleaning_note import CleaningNote
from lepton.dataset.split.split_rows import held_out
from lepton.preprocessing.table import CHUNK_ROWS, TablePreprocessing
from lepton.spec import UNSEEN_CODE


def preprocessing_notes(
    missing: Mapping[str, list[tuple[str, int]]], preprocessor: TablePreprocessing
) -> list[CleaningNote]:
    """Missing values that were filled, rare categories that were merged, digits that are lost.

    `missing` holds for each column their places and how many they are there.
    """
    blurred = "far from 0 for its spread, which 32 bits blur; preprocessing=standard would not"
    notes = [
        CleaningNote(blurred, count, f"column {name}")
        for name, count in preprocessor.blurred.items()
    ]
    for name, kind in preprocessor.kinds.items():
        where, is_number = f"column {name}", kind in ("numeric", "date")
        statistic = preprocessor.settings["impute"]
        action = f"filled with the {statistic}" if is_number else "given their own code"
        notes += [
            CleaningNote(f"missing values {action}", count, place) for place, count in missing[name]
        ]
        rare = 0 if is_number else len(preprocessor.categories[name].rare)
        if rare:
            notes.append(CleaningNote("rare categories merged into one", rare, where))
    return notes


def unseen_category_notes(
    splits: dict[str, dict[str, Tensor]], cat_features: Sequence[str]
) -> list[CleaningNote]:
    """Values of val and test that train lacks, by column."""
    notes = []
    for split in held_out(splits):
        tensors = splits[split]
        unseen = _count_unseen(tensors["cat"]) if "cat" in tensors else []
        for name, count in zip(cat_features, unseen, strict=True):
            if count:
                remark = f"{split} values that training has not seen, given their own code"
                notes.append(CleaningNote(remark, count, f"column {name}"))
    return notes


def _count_unseen(codes: Tensor) -> list[int]:
    """How often each column holds the code of what training has not seen."""
    counts = torch.zeros(codes.shape[1], dtype=torch.int64)
    for rows in codes.split(CHUNK_ROWS):
        counts += (rows == UNSEEN_CODE).sum(dim=0)
    return counts.tolist()
