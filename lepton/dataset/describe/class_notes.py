"""Notes on the classes that val and test lack."""

import torch
from torch import Tensor

from lepton.dataset.clean.cleaning_note import CleaningNote
from lepton.spec import DataSpec


def absent_class_notes(splits: dict[str, dict[str, Tensor]], spec: DataSpec) -> list[CleaningNote]:
    """Classes that val or test lack."""
    return [
        CleaningNote(f"class {name!r} is absent from {split}", 0, f"the {split} split")
        for split in ("val", "test")
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
