"""Validation rows for classes of so few rows that no stratified split divides them."""

from collections.abc import Sequence
from dataclasses import replace
from math import ceil

import numpy as np
import pandas as pd
import pyarrow as pa

from lepton.in_memory.given_rows import SPLIT, GivenRows, free_name

VAL_SIZE = 0.16  # of the rows, as conf/dataset has it
SPLIT_KEYS = ("dataset.split", "dataset.val_size", "dataset.folds")


def needs_own_validation(labels: pd.Series, overrides: Sequence[str]) -> bool:
    """True where a class has one row, or validation fewer rows than there are classes.

    False where the overrides say how rows are split.
    """
    if any(text.lstrip("+").startswith(SPLIT_KEYS) for text in overrides):
        return False
    counts = labels.value_counts()
    return counts.min() < 2 or ceil(VAL_SIZE * len(labels)) < len(counts)


def with_validation(given: GivenRows, labels: pd.Series) -> GivenRows:
    """The rows with a column that holds out the last row of each class of two or more.

    Raises: ValueError where each class has one row alone.
    """
    is_last = ~labels.duplicated(keep="last")
    is_val = (is_last & labels.duplicated(keep=False)).to_numpy()
    if not is_val.any():
        raise ValueError(
            f"{len(labels)} samples of {labels.nunique()} classes: a class needs 2, one to train "
            "on and one to choose the epoch by"
        )
    table = given.rows.table
    column = free_name(SPLIT, table.column_names)
    table = table.append_column(column, pa.array(np.where(is_val, "val", "train")))
    settings = {"dataset.split": "column", "dataset.split_column": column}
    rows = replace(given.rows, table=table)
    return replace(given, rows=rows, settings={**given.settings, **settings})
