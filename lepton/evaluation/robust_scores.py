"""The scores of rows under attack, each by the worst that was found for it, with intervals."""

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from lepton.stats.bootstrap import Intervals, bootstrap_intervals

RESAMPLES, SEED = 300, 0  # of the bootstrap, where a row is no mere right or wrong
CLEAN = "clean"
ERROR = "error"  # the column of a quantity, in the target's unit
OF_CLASSES = (
    "accuracy",
    "exact_match",
)  # columns of classes and of labels, 1 for a row that is right


def epsilon_name(epsilon: float) -> str:
    """The beginning of the names of metrics at an epsilon."""
    return f"eps_{epsilon:g}"


def robust_scores(rows: pd.DataFrame) -> dict[str, float]:
    """The metrics without a change and at each epsilon, of a table as `row_table` makes it."""
    scores = {}
    for name, values in _values(rows).items():
        of_rows = np.arange(len(values))
        scores |= {f"{name}/{metric}": v for metric, v in _score(rows, values, of_rows).items()}
    return scores


def robust_intervals(rows: pd.DataFrame) -> Intervals:
    """The 95 % intervals over rows of the same metrics.

    Source: Wilson 1927, https://doi.org/10.1080/01621459.1927.10502953, of an accuracy
    """
    intervals: Intervals = {}
    for name, values in _values(rows).items():
        if ERROR in rows or "weight" in rows:
            found = bootstrap_intervals(
                lambda some, values=values: _score(rows, values, some),
                np.arange(len(values)),
                resamples=RESAMPLES,
                seed=SEED,
            )
        else:
            test = binomtest(int(values.sum()), len(values))
            limits = test.proportion_ci(method="wilson")
            found = dict.fromkeys(_score(rows, values, [0]), (limits.low, limits.high))
        intervals |= {f"{name}/{metric}": limits for metric, limits in found.items()}
    return intervals


def _values(rows: pd.DataFrame) -> dict[str, np.ndarray]:
    """What is scored of each row, without a change and at each epsilon."""
    column = value_column(rows)
    by_epsilon = dict([*rows.groupby("epsilon", sort=True)])
    first = next(iter(by_epsilon.values()))
    values = {CLEAN: first[f"{CLEAN}_{column}"].to_numpy(float)}
    return values | {
        epsilon_name(float(epsilon)): of_one[column].to_numpy(float)
        for epsilon, of_one in by_epsilon.items()
    }


def _score(
    rows: pd.DataFrame, values: np.ndarray, some: np.ndarray | list[int]
) -> dict[str, float]:
    weight = rows["weight"].to_numpy()[: len(values)][some] if "weight" in rows else None
    values = values[some]
    if ERROR in rows:
        square = np.average(values**2, weights=weight)
        return {"rmse": float(square**0.5), "mae": float(np.average(values, weights=weight))}
    return {value_column(rows): float(np.average(values, weights=weight))}


def value_column(rows: pd.DataFrame) -> str:
    """The column by which rows are scored."""
    return next(name for name in (ERROR, *OF_CLASSES) if name in rows)
