"""The DataSpec of a prepared data set: its sizes, names and training statistics."""

from dataclasses import fields
from typing import Any

import numpy as np

from lepton.dataset.clean.target import Target
from lepton.dataset.inputs.find import KIND_KEY, kind_name, shipped_kinds
from lepton.dataset.inputs.kind import InputKind
from lepton.spec import DataSpec

REQUIRED_FIELDS = ("num_features", "cat_features", "cat_cardinalities", "quantiles")  # of DataSpec


def describe_data(target: Target, train_values: np.ndarray, **input_fields: Any) -> DataSpec:
    """The spec of a target and its values in train; `input_fields` are its fields on the inputs."""
    input_fields = dict.fromkeys(REQUIRED_FIELDS, ()) | input_fields
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


def named_fields(
    kind: InputKind | type[InputKind], described: dict[str, Any], others: dict[str, Any]
) -> dict[str, Any]:
    """What a kind says of its inputs, as fields of a spec: its own ones under its name.

    `others` are those that other kinds have said.
    """
    names = {field.name for field in fields(DataSpec)}
    of_all = {name: value for name, value in described.items() if name in names}
    own = {name: value for name, value in described.items() if name not in names}
    kind_class = kind if isinstance(kind, type) else type(kind)
    if not own and kind_class in shipped_kinds():
        return of_all
    own = {KIND_KEY: kind_name(kind_class), **own}
    return {**of_all, "inputs": {**others.get("inputs", {}), kind.name: own}}
