"""Training rows of a table as generators take them, and what they make as tensors again."""

import torch
from torch import Tensor

from lepton.generator.rows import TableRows
from lepton.spec import DataSpec


def as_table(train: dict[str, Tensor], spec: DataSpec) -> TableRows:
    """Training rows as a generator takes them; a row's weight is one of its numbers."""
    nothing = train["target"].new_empty(len(train["target"]), 0)
    weight = train["weight"][:, None] if "weight" in train else nothing
    numbers, codes = [train.get("num", nothing), weight], [train.get("cat", nothing)]
    is_number = spec.task == "regression"
    (numbers if is_number else codes).append(train["target"][:, None])
    return TableRows(
        torch.cat([part.double() for part in numbers], 1).numpy(),
        torch.cat([part.long() for part in codes], 1).numpy(),
        (*spec.cat_cardinalities, *(() if is_number else (len(spec.classes),))),
        "number" if is_number else "class",
        () if is_number else tuple(map(str, spec.classes)),
    )


def as_tensors(rows: TableRows, train: dict[str, Tensor]) -> dict[str, Tensor]:
    """Rows as those of train are."""
    cells = {"numbers": torch.from_numpy(rows.numbers), "codes": torch.from_numpy(rows.codes)}
    widths = {name: train[name].shape[1] for name in ("num", "cat") if name in train}
    parts = {}
    if "num" in train:
        parts["num"] = cells["numbers"][:, : widths["num"]]
    if "cat" in train:
        parts["cat"] = cells["codes"][:, : widths["cat"]]
    if "weight" in train:
        parts["weight"] = cells["numbers"][:, widths.get("num", 0)]
    parts["target"] = cells["numbers" if rows.target == "number" else "codes"][:, -1]
    return {name: part.to(train[name].dtype).contiguous() for name, part in parts.items()}
