"""The range of each metric, which no interval of it leaves. This module imports nothing heavy."""

import math

Range = tuple[float, float]

SHARE: Range = (0.0, 1.0)
CORRELATION: Range = (-1.0, 1.0)
POSITIVE: Range = (0.0, math.inf)
ANY: Range = (-math.inf, math.inf)
RANGES: dict[str, Range] = {
    **dict.fromkeys(
        (
            *("accuracy", "balanced_accuracy", "f1", "auroc", "average_precision", "ece", "ks"),
            *("precision", "recall", "specificity", "top_k_accuracy"),
            *("precision_at_recall", "recall_at_precision"),
            *("selection_rate", "true_positive_rate", "false_positive_rate"),
        ),
        SHARE,
    ),
    **dict.fromkeys(("mcc", "cohen_kappa", "spearman"), CORRELATION),
    **dict.fromkeys(
        ("log_loss", "rmse", "mae", "mape", "median_absolute_error", "pinball"), POSITIVE
    ),
    "brier": SHARE,  # of several classes up to 2, as values above 1 say then
    "r2": (-math.inf, 1.0),
}


def metric_range(column: str) -> Range:
    """The lowest and the highest value of a column of a metric, as `test/auroc`."""
    return RANGES.get(column.rpartition("/")[2], ANY)
