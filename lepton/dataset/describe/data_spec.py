"""The DataSpec of a prepared data set: its sizes, names and training statistics."""

from typing import Any

import numpy as np
from torch import Tensor

from lepton.dataset.clean.target import Target
from lepton.preprocessing.categories import category_names
from lepton.preprocessing.table import TablePreprocessing
from lepton.spec import QUANTILE_LEVELS, DataSpec

TABLE_FIELDS = ("num_features", "cat_features", "cat_cardinalities", "quantiles")


def describe_data(target: Target, train_values: np.ndarray, **input_fields: Any) -> DataSpec:
    """The spec of a target and its values in train; `input_fields` are its fields on the inputs."""
    input_fields = dict.fromkeys(TABLE_FIELDS, ()) | input_fields
    classes, mean, std = tuple(target.classes), 0.0, 1.0
    if target.task == "regression":
        counts = ()
        mean, std = float(np.mean(train_values)), float(np.std(train_values)) or 1.0
    elif not classes:
        counts = ()
    elif target.task == "multilabel":
        counts = tuple(int(n) for n in train_values.sum(axis=0))
    else:
        counts = tuple(np.bincount(train_values.astype(np.int64), minlength=len(classes)).tolist())
    return DataSpec(
        task=target.task,
        outputs=len(classes) if target.task in ("multiclass", "multilabel") else 1,
        classes=classes,
        class_counts=counts,
        target_names=tuple(target.columns),
        target_mean=mean,
        target_std=std,
        train_rows=len(train_values),
        **input_fields,
    )


def table_fields(preprocessor: TablePreprocessing, train: dict[str, Tensor]) -> dict[str, tuple]:
    """The fields of a spec on the columns of a table, of a fitted preprocessor and train."""
    encoders = [preprocessor.encoders[name] for name in preprocessor.cat_features]
    return {
        "num_features": preprocessor.num_features,
        "cat_features": preprocessor.cat_features,
        "cat_cardinalities": preprocessor.cat_cardinalities,
        "categories": tuple(category_names(encoder) for encoder in encoders),
        "quantiles": _quantiles(train),
    }


def _quantiles(train: dict[str, Tensor]) -> tuple[tuple[float, ...], ...]:
    if "num" not in train:
        return ()
    levels = np.linspace(0, 1, QUANTILE_LEVELS)
    columns = train["num"].numpy().T
    return tuple(tuple(np.quantile(column, levels).tolist()) for column in columns)
