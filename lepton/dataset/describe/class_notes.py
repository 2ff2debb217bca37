"""Notes on the classes of a target: how many rows each has, and those that val and test lack."""

import numpy as np
import torch
from torch import Tensor

from lepton.dataset.clean.cleaning_note import CleaningNote
from lepton.dataset.clean.target import Target
from lepton.dataset.split.split_rows import held_out
from lepton.spec import DataSpec

MOST_NAMED = 5  # classes, of which each is told with its rows


def balance_notes(target: Target, noun: str, where: str) -> list[CleaningNote]:
    """How many rows each class or label has, or of many the fewest and the most."""
    if target.task == "multilabel":
        counts = target.values.sum(0).astype(int)
    elif target.labels is not None:
        counts = np.bincount(target.labels, minlength=len(target.classes))
    else:
        return []
    if len(counts) <= MOST_NAMED:
        pairs = zip(target.classes, counts, strict=True)
        words = ", ".join(f"{count} of {name!r}" for name, count in pairs)
    else:
        few, many = int(counts.argmin()), int(counts.argmax())
        words = f"{len(counts)} classes of {counts[few]} each"
        if counts[few] != counts[many]:
            ends = [f"{counts[i]} of {target.classes[i]!r}" for i in (few, many)]
            words = f"{len(counts)} classes, from {' to '.join(ends)}"
    return [CleaningNote(f"{noun}s: {words}", len(target.values), where)]


def absent_class_notes(splits: dict[str, dict[str, Tensor]], spec: DataSpec) -> list[CleaningNote]:
    """Classes that val or test lack, and labels that train lacks."""
    is_multilabel = spec.task == "multilabel"
    told = [*(["train"] if is_multilabel else []), *held_out(splits)]
    noun = "label" if is_multilabel else "class"
    return [
        CleaningNote(f"{noun} {name!r} is absent from {split}", 0, f"the {split} split")
        for split in told
        for name in _absent_classes(splits[split]["target"], spec)
    ]


def _absent_classes(target: Tensor, spec: DataSpec) -> list[str]:
    if not spec.classes:
        return []
    if spec.task == "multilabel":
        counts = target.sum(dim=0)
    else:
        counts = torch.bincount(target.long(), minlength=len(spec.classes))
    return [name for name, count in zip(spec.classes, counts.tolist(), strict=True) if not count]
