"""Generated: rows of a generator beside the training rows that it was fitted on."""

from typing import Any

import torch
from torch import Tensor, nn

from lepton.errors import ConfigError, DataError
from lepton.generator.generator import Generator
from lepton.generator.rows import TableRows
from lepton.method import Method
from lepton.spec import DataSpec
from lepton.values.bounds import NotBelow0

TASKS = ("binary", "multiclass", "regression")


class Generated(Method):
    """Adds `ratio` generated rows for each training row, which are learned from as others are.

    The generator sees numbers and categories as the model does, and the target as it is read.
    """

    adds_inputs = ("table",)

    def __init__(self, *, generator: Generator, ratio: NotBelow0):
        self.generator, self.ratio = generator, ratio

    def prepare(self, model: nn.Module, spec: DataSpec) -> nn.Module:
        if spec.task not in TASKS:
            raise ConfigError(
                f"augmentation.generated, dataset.target: a generator makes classes or a number, "
                f"and this target is {spec.task}"
            )
        return model

    def further_rows(self, train: dict[str, Any], spec: DataSpec, seed: int) -> dict[str, Any]:
        count = round(self.ratio * len(train["target"]))
        if not count:
            return {}
        try:
            made = self.generator.generate(_as_table(train, spec), count, seed).rows
        except DataError as e:
            raise ConfigError(f"augmentation.generated: {e}") from e
        return _as_tensors(made, train)


def _as_table(train: dict[str, Tensor], spec: DataSpec) -> TableRows:
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


def _as_tensors(rows: TableRows, train: dict[str, Tensor]) -> dict[str, Tensor]:
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
