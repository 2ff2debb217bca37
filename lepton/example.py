"""Makes up specs and batches, to try a model without data."""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from lepton.spec import QUANTILE_LEVELS, DataSpec

VOCABULARY_SIZE = 50  # pieces of a made-up vocabulary


def make_text_spec(task: str, *, texts: int = 1) -> DataSpec:
    """The spec of made-up texts, or with two of them of pairs."""
    spec = make_spec(task, numbers=0, cardinalities=())
    return replace(
        spec,
        text_features=("text", "other")[:texts],
        vocabulary=VOCABULARY_SIZE,
        pad=0,
        max_length=16,
    )


def make_spec(task: str, *, numbers: int = 3, cardinalities: tuple[int, ...] = (4, 6)) -> DataSpec:
    """The spec of made-up data: so many numbers, and categories with so many codes."""
    classes = {"binary": 2, "multiclass": 3, "multilabel": 4, "regression": 0}[task]
    normal = np.random.default_rng(0).normal(size=500)
    levels = tuple(np.quantile(normal, np.linspace(0, 1, QUANTILE_LEVELS)).tolist())
    return DataSpec(
        task=task,
        outputs=classes if task.startswith("multi") else 1,
        classes=tuple("abcd"[:classes]),
        class_counts=(10,) * classes,
        target_names=("target",),
        target_mean=5.0,
        target_std=2.0,
        num_features=tuple(f"num_{i}" for i in range(numbers)),
        cat_features=tuple(f"cat_{i}" for i in range(len(cardinalities))),
        cat_cardinalities=cardinalities,
        quantiles=(levels,) * numbers,
        train_rows=500,
    )


def make_batch(spec: DataSpec, *, rows: int = 64, seed: int = 0) -> dict[str, Tensor]:
    """Random rows as the spec describes them, with every code and targets of every class."""
    generator = torch.Generator().manual_seed(seed)
    batch = {"id": torch.arange(rows)}
    if spec.num_features:
        batch["num"] = torch.randn(rows, len(spec.num_features), generator=generator)
    if spec.cat_features:
        codes = [torch.randint(n, (rows,), generator=generator) for n in spec.cat_cardinalities]
        batch["cat"] = torch.stack(codes, 1)
    if spec.text_features:
        batch |= _tokens(spec, rows, generator)
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


def _tokens(spec: DataSpec, rows: int, generator: torch.Generator) -> dict[str, Tensor]:
    """Rows of 2 tokens to as many as there can be, at least one of each."""
    length = torch.randint(2, spec.max_length + 1, (rows,), generator=generator)
    length[:2] = torch.tensor([2, spec.max_length])
    position = torch.arange(spec.max_length)
    mask = position < length[:, None]
    tokens = torch.randint(1, spec.vocabulary, mask.shape, generator=generator)
    batch = {"tokens": tokens.masked_fill(~mask, spec.pad), "mask": mask}
    if len(spec.text_features) == 2:
        batch["segments"] = (mask & (position >= length[:, None] // 2)).long()
    return batch
