"""Metrics of predictions: one function scores models, ensembles, compressed and served models.

Probabilities of binary targets are (N,), of multiclass and multilabel targets (N, classes).
Multiclass metrics on probabilities of one class are one class against the rest. Averages over
classes or labels count each alike, over those for which the split has both kinds of rows. By
weights of rows a row counts as one that stands there so often; weights that are all alike are none.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import partial

import numpy as np
import torch
from torch import Tensor

from lepton.compat.torchmetrics import classification as tm
from lepton.errors import ConfigError
from lepton.metric.averages import (
    if_both_classes,
    macro_average,
    one_against_rest,
    row_blocks,
    undefined,
)
from lepton.metric.calibration import (
    calibration_error,
    multiclass_calibration_error,
    multilabel_calibration_error,
)
from lepton.metric.class_counts import balanced_accuracy, binary_f1, macro_f1, mcc
from lepton.metric.metric import Metric
from lepton.metric.ranking import auroc, average_precision, curve, rankings
from lepton.metric.row_weights import counted_rows, row_mean

CALIBRATION_BINS = 15  # of the calibration error, where nobody chooses
RANKINGS = ("auroc", "average_precision")  # as `rankings` gives them
BINNED_METRICS = ("ece",)  # that take `n_bins`


def score(
    prediction: Tensor,
    target: Tensor,
    *,
    task: str,
    only: Iterable[str] | None = None,
    calibration_bins: int = CALIBRATION_BINS,
    weight: Tensor | None = None,
) -> dict[str, float]:
    """Metrics by name, without those undefined for this target, as AUROC is for one class.

    Shapes: weight (N,), how much each row counts; None where all count alike.
    A prediction that is not finite makes every metric NaN, so that a diverged run is seen.

    Raises: ConfigError when `only` names a metric that the task does not have;
        ValueError for logits instead of probabilities.
    """
    metrics = METRICS[task]
    names = tuple(metrics) if only is None else tuple(only)
    for name in names:
        if name not in metrics:
            raise ConfigError(f"{task} has no metric {name!r}; it has {', '.join(metrics)}")
    prediction, target = prediction.detach().cpu(), target.detach().cpu()
    prediction, target, weight = counted_rows(prediction, target, weight)
    if len(target) == 0:
        return {}
    if not torch.isfinite(prediction).all():
        return dict.fromkeys(names, float("nan"))
    prediction, target = _prepare(prediction, target, task)
    bins = {"n_bins": calibration_bins}
    values = _both_rankings(prediction, target, weight, task) if {*RANKINGS} <= {*names} else {}
    for name in names:
        if name not in values:
            options = bins if name in BINNED_METRICS else {}
            values[name] = float(metrics[name](prediction, target, weight, **options))
    values = {name: values[name] for name in names}
    return {name: value for name, value in values.items() if np.isfinite(value)}


def added_scores(
    metrics: Mapping[str, Metric],
    prediction: Tensor,
    target: Tensor,
    *,
    task: str,
    weight: Tensor | None = None,
) -> dict[str, float]:
    """The values of metrics that a run adds, by name, without those undefined for this target.

    All are NaN when a prediction is not finite.
    """
    if len(target) == 0 or not metrics:
        return {}
    if not torch.isfinite(prediction).all():
        return dict.fromkeys(metrics, float("nan"))
    if task in METRICS:
        prediction, target = _prepare(prediction, target, task)
    values = {name: metric(prediction, target, weight) for name, metric in metrics.items()}
    return {name: value for name, value in values.items() if np.isfinite(value)}


def monitor_value(
    prediction: Tensor, target: Tensor, *, task: str, metric: str, weight: Tensor | None = None
) -> float:
    """One metric, for every epoch; NaN when the prediction is not finite.

    Raises: ConfigError when the metric is undefined for this target.
    """
    scores = score(prediction, target, task=task, only=(metric,), weight=weight)
    if metric not in scores:
        other = next(iter(METRICS[task]))
        raise ConfigError(
            f"task.monitor: {metric} is undefined on the validation split, whose {len(target)} "
            f"targets do not vary enough; {other} is defined for every target"
        )
    return scores[metric]


def log_loss(p: Tensor, y: Tensor, weight: Tensor | None = None) -> Tensor:
    """Mean negative log-likelihood of binary or multilabel targets, in nats."""
    p = _clamp_probability(p)
    return -row_mean(torch.where(y == 1, p, 1 - p).log(), weight)


def multiclass_log_loss(p: Tensor, y: Tensor, weight: Tensor | None = None) -> Tensor:
    """Mean negative log-likelihood of the true classes, in nats."""
    return -row_mean(_clamp_probability(p.gather(1, y[:, None])).log(), weight)


def brier(p: Tensor, y: Tensor, weight: Tensor | None = None) -> Tensor:
    """Mean squared difference between probability and outcome, in [0, 1]."""
    return row_mean((p - y).square(), weight)


def multiclass_brier(p: Tensor, y: Tensor, weight: Tensor | None = None) -> Tensor:
    """Squared differences summed over classes, in [0, 2], as Brier defined it.

    Source: Brier 1950, https://doi.org/10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2
    """
    sums = [
        rows.sub(_one_hot(rows, targets)).square_().sum(1)
        for rows, targets in zip(*row_blocks(p, y), strict=True)
    ]
    return row_mean(torch.cat(sums), weight)


def ks(p: Tensor, y: Tensor, weight: Tensor | None = None) -> Tensor:
    """Kolmogorov-Smirnov statistic: the largest difference of true and false positive rate."""
    if weight is not None:
        true, false = curve(p, y, weight)
        return (true / true[-1] - false / false[-1]).abs().max()
    fpr, tpr, _ = tm.binary_roc(p, y, validate_args=False)
    return (tpr - fpr).abs().max()


def rmse(p: Tensor, y: Tensor, weight: Tensor | None = None) -> Tensor:
    """The root of the mean squared error, in the target's unit."""
    return row_mean((p - y).square(), weight).sqrt()


def mae(p: Tensor, y: Tensor, weight: Tensor | None = None) -> Tensor:
    """The mean distance between prediction and target, in the target's unit."""
    return row_mean((p - y).abs(), weight)


def r2(p: Tensor, y: Tensor, weight: Tensor | None = None) -> Tensor:
    """The share of the targets' variance that is explained; sums of deviations, which keep digits.

    Undefined where the targets do not vary.
    """
    if len(y) == 1 or y.min() == y.max():
        return undefined()
    residuals, deviations = (y - p).square(), (y - row_mean(y, weight)).square()
    if weight is not None:
        residuals, deviations = residuals * weight, deviations * weight
    return 1 - residuals.sum() / deviations.sum()


def _prepare(prediction: Tensor, target: Tensor, task: str) -> tuple[Tensor, Tensor]:
    """Both in 64 bits, because large sums cancel; probabilities that rounding put above 1 are 1.

    Raises: ValueError for logits.
    """
    prediction = prediction.double()
    if task == "regression":
        return prediction, target.double()
    low, high = prediction.min().item(), prediction.max().item()
    if low < -1e-3 or high > 1 + 1e-3:
        raise ValueError(f"prediction: {low:.3g} to {high:.3g}; pass probabilities, not logits")
    return prediction.clamp(0, 1) if low < 0 or high > 1 else prediction, target.long()


def _clamp_probability(p: Tensor) -> Tensor:
    """Probabilities kept as far from 0 and 1 as 32-bit floats can tell, so that logs are finite."""
    eps = torch.finfo(torch.float32).eps
    return p.clamp(eps, 1 - eps)


def _one_hot(p: Tensor, y: Tensor) -> Tensor:
    return (y[:, None] == torch.arange(p.shape[1])).long()


def _both_rankings(p: Tensor, y: Tensor, weight: Tensor | None, task: str) -> dict[str, float]:
    """AUROC and average precision of many classes or labels, each sorted once."""
    average = {"multiclass": one_against_rest, "multilabel": macro_average}.get(task)
    if average is None:
        return {}
    both = average(rankings, p, y, weight).expand(len(RANKINGS))
    return dict(zip(RANKINGS, both.tolist(), strict=True))


def _accuracy(p: Tensor, y: Tensor, weight: Tensor | None = None) -> Tensor:
    if weight is not None:
        return row_mean(((p > 0.5) == y).double(), weight)
    return tm.binary_accuracy(p, y, validate_args=False)


def _multiclass_accuracy(p: Tensor, y: Tensor, weight: Tensor | None = None) -> Tensor:
    if weight is not None:
        return row_mean((p.argmax(1) == y).double(), weight)
    options = {"num_classes": p.shape[1], "average": "micro", "validate_args": False}
    return tm.multiclass_accuracy(p, y, **options)


def _multilabel_accuracy(p: Tensor, y: Tensor, weight: Tensor | None = None) -> Tensor:
    return row_mean(((p > 0.5) == y).double(), weight)


def _f1(p: Tensor, y: Tensor, weight: Tensor | None = None) -> Tensor:
    if weight is not None:
        return binary_f1(p, y, weight)
    return tm.binary_f1_score(p, y, validate_args=False)


METRICS: dict[str, dict[str, Callable[..., Tensor]]] = {
    "binary": {
        "log_loss": log_loss,
        "accuracy": _accuracy,
        "balanced_accuracy": balanced_accuracy,
        "f1": partial(if_both_classes, _f1),
        "auroc": partial(if_both_classes, auroc),
        "average_precision": partial(if_both_classes, average_precision),
        "ece": calibration_error,
        "brier": brier,
        "ks": partial(if_both_classes, ks),
        "mcc": mcc,
    },
    "multiclass": {
        "log_loss": multiclass_log_loss,
        "accuracy": _multiclass_accuracy,
        "balanced_accuracy": balanced_accuracy,
        "f1": partial(if_both_classes, macro_f1),
        "auroc": partial(one_against_rest, auroc),
        "average_precision": partial(one_against_rest, average_precision),
        "ece": multiclass_calibration_error,
        "brier": multiclass_brier,
        "mcc": mcc,
    },
    "multilabel": {
        "log_loss": log_loss,
        "accuracy": _multilabel_accuracy,
        "balanced_accuracy": partial(macro_average, balanced_accuracy),
        "f1": partial(macro_average, _f1),
        "auroc": partial(macro_average, auroc),
        "average_precision": partial(macro_average, average_precision),
        "ece": multilabel_calibration_error,
        "brier": brier,
        "mcc": partial(macro_average, mcc),
    },
    "regression": {
        "rmse": rmse,
        "mae": mae,
        "r2": r2,
    },
}
