"""Makes up specs and batches, to try a model without data."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import product
from typing import Any

import torch
from torch import Tensor

from lepton.dataset.describe.data_spec import named_fields
from lepton.dataset.inputs.example_table import CARDINALITIES, NUMBERS, table_fields
from lepton.dataset.inputs.example_text import text_fields
from lepton.dataset.inputs.find import kinds_in
from lepton.dataset.inputs.kind import InputKind
from lepton.spec import DataSpec

TRAIN_ROWS = 500
FEW_TOKENS = 8


def make_text_spec(task: str, *, texts: int = 1) -> DataSpec:
    """The spec of made-up texts, or with two of them of pairs."""
    return replace(make_target_spec(task), **text_fields(texts))


def make_spec(
    task: str, *, numbers: int = NUMBERS, cardinalities: tuple[int, ...] = CARDINALITIES
) -> DataSpec:
    """The spec of made-up data: so many numbers, and categories with so many codes."""
    return replace(make_target_spec(task), **table_fields(numbers, cardinalities))


def make_specs(task: str, kinds: Iterable[type[InputKind]]) -> Iterator[DataSpec]:
    """Yields specs of made-up data of these kinds, with each inputs that a model must read."""
    kinds = list(kinds)
    for fields_of_kinds in product(*(kind.example_fields() for kind in kinds)):
        fields: dict[str, Any] = {}
        for kind, described in zip(kinds, fields_of_kinds, strict=True):
            fields |= named_fields(kind, described, fields)
        yield replace(make_target_spec(task), **fields)


def make_target_spec(task: str) -> DataSpec:
    """The spec of made-up data that have a target for a task, and no inputs."""
    classes = {"binary": 2, "multiclass": 3, "multilabel": 4, "regression": 0}[task]
    return DataSpec(
        task=task,
        outputs=classes if task.startswith("multi") else 1,
        classes=tuple("abcd"[:classes]),
        class_counts=(10,) * classes,
        target_names=("target",),
        target_mean=5.0,
        target_std=2.0,
        num_features=(),
        cat_features=(),
        cat_cardinalities=(),
        quantiles=(),
        train_rows=TRAIN_ROWS,
    )


def make_batch(spec: DataSpec, *, rows: int = 64, seed: int = 0) -> dict[str, Tensor]:
    """Random rows as the spec describes them, with every code and targets of every class."""
    generator = torch.Generator().manual_seed(seed)
    batch = {"id": torch.arange(rows)}
    for kind in kinds_in(spec):
        batch |= kind.example_rows(spec, rows, generator)
    match spec.task:
        case "binary":
            batch["target"] = torch.randint(2, (rows,), generator=generator).float()
        case "multiclass":
            batch["target"] = torch.randint(spec.outputs, (rows,), generator=generator)
        case "multilabel":
            batch["target"] = torch.randint(2, (rows, spec.outputs), generator=generator).float()
        case "regression":
            noise = torch.randn(rows, generator=generator)
            batch["target"] = spec.target_mean + spec.target_std * noise
    return batch


def make_whole_rows(spec: DataSpec) -> dict[str, Tensor]:
    """Two rows that lack no input, with few tokens: what a network computes of rows, cheaply."""
    rows = make_batch(replace(spec, max_length=min(spec.max_length, FEW_TOKENS)), rows=2)
    if "present" in rows:
        rows["present"] = torch.ones_like(rows["present"])
    return rows
