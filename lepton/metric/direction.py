"""The direction of each metric: is larger better? This module imports nothing heavy."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

STORED = "larger_is_better"  # where a result holds the directions of metrics that others lack

LARGER_IS_BETTER = {
    "log_loss": False,
    "accuracy": True,
    "balanced_accuracy": True,
    "f1": True,
    "auroc": True,
    "average_precision": True,
    "ece": False,
    "brier": False,
    "ks": True,
    "mcc": True,
    "rmse": False,
    "mae": False,
    "r2": True,
}
OF_EVALUATORS = {  # of what is found beside metrics; coverage has a best value in between
    "abstained": False,
    "broken": False,
    "cost": False,
    "difference": False,
    "ece_by_chance": False,
    "mce": False,
    "radius": True,
    "size": False,
    "width": False,
}


def is_of_test(column: str) -> bool:
    """True for a metric of the test split, clean or `test@...`, by which nothing is chosen."""
    return column.startswith(("test/", "test@"))


def directions_to_store(metrics: Mapping[str, bool]) -> dict[str, dict[str, bool]]:
    """What a result adds for the metrics of a task that are not lepton's own."""
    own = {name: larger for name, larger in metrics.items() if name not in LARGER_IS_BETTER}
    return {STORED: own} if own else {}


def larger_is_better(column: str, runs: "pd.DataFrame") -> bool:
    """The direction of a column of a study's table, whose runs say it of metrics of their own.

    Larger is better for `score`, whatever metric it is made of, and for what nothing is known of.
    """
    metric = column.rpartition("/")[2]
    if metric in LARGER_IS_BETTER:
        return LARGER_IS_BETTER[metric]
    column = f"{STORED}/{metric}"
    values = runs[column].dropna().tolist() if column in runs else []
    return bool(values[0]) if values else OF_EVALUATORS.get(metric, True)
