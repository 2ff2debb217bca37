"""Synthetic tables of any size, for smoke tests and benchmarks."""

from typing import Any

import numpy as np
import pandas as pd

from lepton.dataset.tabular import TabularData
from lepton.errors import DataError
from lepton.storage.machine_memory import memory_excess
from lepton.values.bounds import AtLeast0, AtLeast1, From0Below1, NotBelow0


class Synthetic(TabularData):
    """A table from `make_table`, whose target is `target`, or label_0, label_1, ... with labels."""

    def __init__(
        self,
        *,
        rows: AtLeast1,
        numbers: AtLeast0,
        categories: list[AtLeast1],
        classes: AtLeast0,
        labels: AtLeast0,
        noise: NotBelow0,
        missing: From0Below1,
        data_seed: AtLeast0,
        **table: Any,
    ):
        if labels:
            table["target"] = [f"label_{i}" for i in range(labels)]
        super().__init__(**table)
        self.table_options = {
            "rows": rows,
            "numbers": numbers,
            "categories": categories,
            "classes": classes,
            "labels": labels,
            "noise": noise,
            "missing": missing,
            "data_seed": data_seed,
        }

    def read(self) -> tuple[pd.DataFrame, None]:
        """The table, the same for the same options."""
        return make_table(**self.table_options), None


def make_table(
    *,
    rows: int,
    numbers: int,
    categories: list[int],
    classes: int,
    labels: int,
    noise: float,
    missing: float,
    data_seed: int,
) -> pd.DataFrame:
    """Normal numbers and even categories; scores are linear in both, with one product of numbers.

    The target is the score (classes 0), its largest of `classes`, or `labels` signs of scores.

    Units: noise in standard deviations of the score without it.
    Raises: DataError when the sizes leave nothing to learn.
    """
    if numbers + len(categories) == 0 or classes == 1 or min([rows, *categories]) < 2:
        raise DataError(
            "dataset=synthetic: needs a number or a category, categories of at least 2 values, "
            "at least 2 rows, and classes of 0 (regression) or at least 2"
        )
    needed = rows * (4 * numbers + 16 * len(categories) + 8 * max(classes, 1))
    if excess := memory_excess(needed):
        columns_text = f"{rows} rows x {numbers + len(categories)} columns"
        raise DataError(f"dataset=synthetic: {columns_text} take {excess}")
    rng = np.random.default_rng(data_seed)
    columns = rng.standard_normal((numbers, rows), dtype=np.float32)
    codes = [rng.integers(size, size=rows) for size in categories]
    scores = _draw_scores(rng, columns, codes, categories, labels or max(classes, 1))
    scores += noise * rng.standard_normal(scores.shape)
    frame = _features(rng, columns, codes, categories, missing)
    if labels:
        return frame.assign(**{f"label_{i}": (scores[:, i] > 0).astype(int) for i in range(labels)})
    if classes:
        return frame.assign(target=[f"class_{i}" for i in scores.argmax(1)])
    return frame.assign(target=scores[:, 0])


def _draw_scores(
    rng: np.random.Generator,
    columns: np.ndarray,
    codes: list[np.ndarray],
    categories: list[int],
    outputs: int,
) -> np.ndarray:
    """Scores of mean 0 and standard deviation 1, by drawn weights of numbers and categories.

    Shapes: columns (numbers, rows); each of codes (rows,) -> (rows, outputs).
    """
    scores = (rng.standard_normal((outputs, len(columns)), dtype=np.float32) @ columns).T
    scores = scores + sum(
        rng.standard_normal((size, outputs))[code]
        for size, code in zip(categories, codes, strict=True)
    )
    if len(columns) > 1:
        scores += np.outer(columns[0] * columns[1], rng.standard_normal(outputs))
    return (scores - scores.mean(0)) / scores.std(0)


def _features(
    rng: np.random.Generator,
    columns: np.ndarray,
    codes: list[np.ndarray],
    categories: list[int],
    missing: float,
) -> pd.DataFrame:
    """The features as a table; blanks a share of the numbers in place, and of the categories."""
    rows = columns.shape[1]
    for column in columns if missing else ():
        column[rng.random(rows) < missing] = np.nan
    frame = pd.DataFrame({f"num_{i}": column for i, column in enumerate(columns)}, copy=False)
    for i, code in enumerate(codes):
        values = np.array([f"v{value}" for value in range(categories[i])], dtype=object)[code]
        values[rng.random(rows) < missing] = None
        frame[f"cat_{i}"] = values
    return frame
