"""Made-up tables of any size, for smoke tests and benchmarks."""

import numpy as np
import pandas as pd

from lepton.dataset.tabular import TabularData
from lepton.errors import DataError


class Synthetic(TabularData):
    """A table from `make_table`, whose target is `target`, or label_0, label_1, ... with labels."""

    def __init__(
        self,
        *,
        rows: int,
        numbers: int,
        categories: list[int],
        classes: int,
        labels: int,
        noise: float,
        missing: float,
        data_seed: int,
        **table,
    ):
        own = {"target": [f"label_{i}" for i in range(labels)]} if labels else {}
        super().__init__(**table | own)
        self.sizes = {
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
        return make_table(**self.sizes), None


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
    rng = np.random.default_rng(data_seed)
    x = rng.standard_normal((numbers, rows), dtype=np.float32)
    codes = [rng.integers(size, size=rows) for size in categories]
    outputs = labels or max(classes, 1)
    score = (rng.standard_normal((outputs, numbers), dtype=np.float32) @ x).T
    score = score + sum(
        rng.standard_normal((s, outputs))[c] for s, c in zip(categories, codes, strict=True)
    )
    if numbers > 1:
        score += np.outer(x[0] * x[1], rng.standard_normal(outputs))
    score = (score - score.mean(0)) / score.std(0)
    score += noise * rng.standard_normal(score.shape)
    for column in x if missing else ():
        column[rng.random(rows) < missing] = np.nan
    frame = pd.DataFrame({f"num_{i}": column for i, column in enumerate(x)}, copy=False)
    for i, code in enumerate(codes):
        words = np.array([f"v{value}" for value in range(categories[i])], dtype=object)[code]
        frame[f"cat_{i}"] = np.where(rng.random(rows) < missing, None, words)
    if labels:
        return frame.assign(**{f"label_{i}": (score[:, i] > 0).astype(int) for i in range(labels)})
    if classes:
        return frame.assign(target=[f"class_{i}" for i in score.argmax(1)])
    return frame.assign(target=score[:, 0])
