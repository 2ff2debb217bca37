"""What a prepared data set says about itself: its DataSpec, and notes on its cleaning."""

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from lepton.dataset.clean.cleaning_note import Note
from lepton.dataset.clean.target import Target
from lepton.preprocessing.categories import UNSEEN, merged, names
from lepton.preprocessing.table import TablePreprocessing
from lepton.spec import QUANTILE_LEVELS, DataSpec

NO_TABLE = dict.fromkeys(("num_features", "cat_features", "cat_cardinalities", "quantiles"), ())


def make_spec(target: Target, train_values: np.ndarray, **inputs) -> DataSpec:
    """Sizes, names and statistics of the training split; `inputs` are the spec's fields on them."""
    classes, mean, std = tuple(target.classes), 0.0, 1.0
    if target.task == "regression":
        counts = ()
        mean, std = float(np.mean(train_values)), float(np.std(train_values)) or 1.0
    elif target.task == "multilabel":
        counts = tuple(int(n) for n in train_values.sum(axis=0))
    else:
        counts = tuple(np.bincount(train_values.astype(np.int64), minlength=len(classes)).tolist())
    return DataSpec(
        task=target.task,
        outputs=len(classes) if target.task in ("multiclass", "multilabel") else 1,
        classes=classes,
        class_counts=counts,
        target_names=tuple(target.names),
        target_mean=mean,
        target_std=std,
        train_rows=len(train_values),
        **NO_TABLE | inputs,
    )


def table_spec(fitted: TablePreprocessing, train: dict[str, Tensor]) -> dict:
    """The fields of a spec on the columns of a table."""
    return {
        "num_features": fitted.num_features,
        "cat_features": fitted.cat_features,
        "cat_cardinalities": fitted.cat_cardinalities,
        "categories": tuple(names(fitted.encoders[name]) for name in fitted.cat_features),
        "quantiles": _quantiles(train),
    }


def cleaning_notes(frame: pd.DataFrame, kept: np.ndarray, fitted: TablePreprocessing) -> list[Note]:
    """What was filled and merged in the kept rows, column by column."""
    notes = []
    for name, kind in fitted.kinds.items():
        missing, where = int(frame[name].isna()[kept].sum()), f"column {name}"
        number = kind in ("numeric", "date")
        if missing:
            how = (
                f"filled with the {fitted.settings['impute']}" if number else "given their own code"
            )
            notes.append(Note(f"missing values {how}", missing, where))
        few = 0 if number else merged(fitted.encoders[name])
        if few:
            notes.append(Note("rare categories merged into one", few, where))
    return notes


def split_notes(splits: dict[str, dict[str, Tensor]], spec: DataSpec) -> list[Note]:
    """Categories that only val or test have, and classes that they lack."""
    notes = []
    for split in ("val", "test"):
        tensors = splits[split]
        unseen = (tensors["cat"] == UNSEEN).sum(dim=0).tolist() if "cat" in tensors else []
        for name, count in zip(spec.cat_features, unseen, strict=True):
            if count:
                what = f"{split} values that training has not seen, given their own code"
                notes.append(Note(what, count, f"column {name}"))
    return notes + absent_notes(splits, spec)


def absent_notes(splits: dict[str, dict[str, Tensor]], spec: DataSpec) -> list[Note]:
    """Classes that val or test lack."""
    return [
        Note(f"class {name!r} is absent from {split}", 0, f"the {split} split")
        for split in ("val", "test")
        for name in _absent(splits[split]["target"], spec)
    ]


def _absent(target: Tensor, spec: DataSpec) -> list[str]:
    if spec.task == "regression":
        return []
    if spec.task == "multilabel":
        counts = target.sum(dim=0)
    else:
        counts = torch.bincount(target.long(), minlength=len(spec.classes))
    return [name for name, count in zip(spec.classes, counts.tolist(), strict=True) if not count]


def _quantiles(train: dict[str, Tensor]) -> tuple[tuple[float, ...], ...]:
    if "num" not in train:
        return ()
    levels = np.linspace(0, 1, QUANTILE_LEVELS)
    columns = train["num"].numpy().T
    return tuple(tuple(np.quantile(column, levels).tolist()) for column in columns)
