"""The direction of each metric: is larger better? This module imports nothing."""

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


def is_of_test(column: str) -> bool:
    """True for a metric of the test split, clean or `test@...`, by which nothing is chosen."""
    return column.startswith(("test/", "test@"))


def as_score(value: float, metric: str) -> float:
    """The value of a metric, turned so that larger is better."""
    return value if LARGER_IS_BETTER[metric] else -value
