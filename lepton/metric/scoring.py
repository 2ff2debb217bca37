"""Metrics of predictions: one function scores models, ensembles, compressed and served models.

Probabilities of binary targets are (N,), of multiclass and multilabel targets (N, classes).
Multiclass metrics on probabilities of one class are one class against the rest. Averages over
classes or labels are unweighted, over those for which the split has both kinds of rows.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import partial

import numpy as np
import torch
from torch import Tensor

from lepton.compat.torchmetrics import classification as tm
from lepton.errors import ConfigError
from lepton.metric.calibration import (
    calibration_error,
    multiclass_calibration_error,
    multilabel_calibration_error,
)
from lepton.metric.class_counts import balanced_accuracy, macro_f1, mcc
from lepton.metric.metric import Metric
from lepton.metric.ranking import auroc, average_precision, rankings

CALIBRATION_BINS = 15  # of the calibration error, where nobody chooses
BLOCK_CELLS = 1 << 20  # of probabilities that are looked at at a time
RANKINGS = ("auroc", "average_precision")  # as `rankings` gives them
BINNED_METRICS = ("ece",)  # that take `n_bins`


def score(
    prediction: Tensor,
    target: Tensor,
    *,
    task: str,
    only: Iterable[str] | None = None,
    calibration_bins: int = CALIBRATION_BINS,
) -> dict[str, float]:
    """Metrics by name, without those undefined for this target, as AUROC is for one class.

    A prediction that is not finite makes every metric NaN, so that a diverged run is seen.

    Raises: ConfigError when `only` names a metric that the task does not have;
        ValueError for logits instead of probabilities.
    """
    metrics = METRICS[task]
    names = tuple(metrics) if only is None else tuple(only)
    for name in names:
        if name not in metrics:
            raise ConfigError(f"{task} has no metric {name!r}; it has {', '.join(metrics)}")
    if len(target) == 0:
        return {}
    prediction, target = prediction.detach().cpu(), target.detach().cpu()
    if not torch.isfinite(prediction).all():
        return dict.fromkeys(names, float("nan"))
    prediction, target = _prepare(prediction, target, task)
    bins = {"n_bins": calibration_bins}
    values = _both_rankings(prediction, target, task) if {*RANKINGS} <= {*names} else {}
    for name in names:
        if name not in values:
            options = bins if name in BINNED_METRICS else {}
            values[name] = float(metrics[name](prediction, target, **options))
    values = {name: values[name] for name in names}
    return {name: value for name, value in values.items() if np.isfinite(value)}


def added_scores(
    metrics: Mapping[str, Metric], prediction: Tensor, target: Tensor, *, task: str
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
    values = {name: metric(prediction, target) for name, metric in metrics.items()}
    return {name: value for name, value in values.items() if np.isfinite(value)}


def monitor_value(prediction: Tensor, target: Tensor, *, task: str, metric: str) -> float:
    """One metric, for every epoch; NaN when the prediction is not finite.

    Raises: ConfigError when the metric is undefined for this target.
    """
    scores = score(prediction, target, task=task, only=(metric,))
    if metric not in scores:
        other = next(iter(METRICS[task]))
        raise ConfigError(
            f"task.monitor: {metric} is undefined on the validation split, whose {len(target)} "
            f"targets do not vary enough; {other} is defined for every target"
        )
    return scores[metric]


def log_loss(p: Tensor, y: Tensor) -> Tensor:
    """Mean negative log-likelihood of binary or multilabel targets, in nats."""
    p = _clamp_probability(p)
    return -torch.where(y == 1, p, 1 - p).log().mean()


def multiclass_log_loss(p: Tensor, y: Tensor) -> Tensor:
    """Mean negative log-likelihood of the true classes, in nats."""
    return -_clamp_probability(p.gather(1, y[:, None])).log().mean()


def brier(p: Tensor, y: Tensor) -> Tensor:
    """Mean squared difference between probability and outcome, in [0, 1]."""
    return (p - y).square().mean()


def multiclass_brier(p: Tensor, y: Tensor) -> Tensor:
    """Squared differences summed over classes, in [0, 2], as Brier defined it.

    Source: Brier 1950, https://doi.org/10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2
    """
    sums = [
        rows.sub(_one_hot(rows, targets)).square_().sum(1)
        for rows, targets in zip(*_row_blocks(p, y), strict=True)
    ]
    return torch.cat(sums).mean()


def ks(p: Tensor, y: Tensor) -> Tensor:
    """Kolmogorov-Smirnov statistic: the largest difference of true and false positive rate."""
    fpr, tpr, _ = tm.binary_roc(p, y, validate_args=False)
    return (tpr - fpr).abs().max()


def r2(p: Tensor, y: Tensor) -> Tensor:
    """The share of the targets' variance that is explained; sums of deviations, which keep digits.

    Undefined where the targets do not vary.
    """
    deviations = (y - y.mean()).square().sum()
    varies = len(y) > 1 and y.min() != y.max()
    return 1 - (y - p).square().sum() / deviations if varies else _undefined()


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


def _row_blocks(*tensors: Tensor) -> list[tuple[Tensor, ...]]:
    """The tensors in blocks of rows, whose temporaries are small however many classes there are."""
    rows = max(1, BLOCK_CELLS // tensors[0].shape[1])
    return [tensor.split(rows) for tensor in tensors]


def _clamp_probability(p: Tensor) -> Tensor:
    """Probabilities kept as far from 0 and 1 as 32-bit floats can tell, so that logs are finite."""
    eps = torch.finfo(torch.float32).eps
    return p.clamp(eps, 1 - eps)


def _one_hot(p: Tensor, y: Tensor) -> Tensor:
    return (y[:, None] == torch.arange(p.shape[1])).long()


def _undefined() -> Tensor:
    return torch.tensor(float("nan"))


def _if_both_classes(metric: Callable[[Tensor, Tensor], Tensor], p: Tensor, y: Tensor) -> Tensor:
    """The value of a binary metric where both classes occur, else undefined."""
    return metric(p, y) if y.min() != y.max() else _undefined()


def _macro_average(metric: Callable[[Tensor, Tensor], Tensor], p: Tensor, y: Tensor) -> Tensor:
    """The mean of a binary metric over the columns in which both classes occur."""
    columns = (y.min(0).values != y.max(0).values).nonzero().flatten()
    return _mean_over_columns(metric, p, columns, lambda i: y[:, i].contiguous())


def _one_against_rest(metric: Callable[[Tensor, Tensor], Tensor], p: Tensor, y: Tensor) -> Tensor:
    """The same over the classes, each against all others."""
    counts = torch.bincount(y, minlength=p.shape[1])
    columns = ((counts > 0) & (counts < len(y))).nonzero().flatten()
    return _mean_over_columns(metric, p, columns, lambda i: (y == i).long())


def _mean_over_columns(
    metric: Callable[[Tensor, Tensor], Tensor],
    p: Tensor,
    columns: Tensor,
    target: Callable[[int], Tensor],
) -> Tensor:
    """The mean over some columns; undefined over none. A metric may have several values."""
    values = []
    if not len(columns):
        return _undefined()
    for block in columns.split(max(1, BLOCK_CELLS // len(p))):  # turned at once: they are strided
        first, last = int(block[0]), int(block[-1])
        are_neighbours = last - first + 1 == len(block)
        several = p[:, first : last + 1] if are_neighbours else p[:, block]
        for i, column in zip(block.tolist(), several.T.contiguous(), strict=True):
            values.append(metric(column, target(i)).double())
    return torch.stack(values, -1).mean(-1)


def _both_rankings(p: Tensor, y: Tensor, task: str) -> dict[str, float]:
    """AUROC and average precision of many classes or labels, each sorted once."""
    average = {"multiclass": _one_against_rest, "multilabel": _macro_average}.get(task)
    if average is None:
        return {}
    return dict(zip(RANKINGS, average(rankings, p, y).expand(len(RANKINGS)).tolist(), strict=True))


def by_class(
    metric: Callable[[Tensor, Tensor], Tensor], p: Tensor, y: Tensor, *, task: str
) -> Tensor:
    """A metric of two classes: of each class against the rest and of each label their mean."""
    average = {"binary": _if_both_classes, "multiclass": _one_against_rest}
    return average.get(task, _macro_average)(metric, p, y)


def _multiclass(metric: Callable[..., Tensor], p: Tensor, y: Tensor, **options) -> Tensor:
    return metric(p, y, num_classes=p.shape[1], validate_args=False, **options)


_accuracy = partial(tm.binary_accuracy, validate_args=False)
_f1 = partial(tm.binary_f1_score, validate_args=False)


METRICS: dict[str, dict[str, Callable[..., Tensor]]] = {
    "binary": {
        "log_loss": log_loss,
        "accuracy": _accuracy,
        "balanced_accuracy": balanced_accuracy,
        "f1": partial(_if_both_classes, _f1),
        "auroc": partial(_if_both_classes, auroc),
        "average_precision": partial(_if_both_classes, average_precision),
        "ece": calibration_error,
        "brier": brier,
        "ks": partial(_if_both_classes, ks),
        "mcc": mcc,
    },
    "multiclass": {
        "log_loss": multiclass_log_loss,
        "accuracy": partial(_multiclass, tm.multiclass_accuracy, average="micro"),
        "balanced_accuracy": balanced_accuracy,
        "f1": partial(_if_both_classes, macro_f1),
        "auroc": partial(_one_against_rest, auroc),
        "average_precision": partial(_one_against_rest, average_precision),
        "ece": multiclass_calibration_error,
        "brier": multiclass_brier,
        "mcc": mcc,
    },
    "multilabel": {
        "log_loss": log_loss,
        "accuracy": lambda p, y: ((p > 0.5) == y).double().mean(),
        "balanced_accuracy": partial(_macro_average, balanced_accuracy),
        "f1": partial(_macro_average, _f1),
        "auroc": partial(_macro_average, auroc),
        "average_precision": partial(_macro_average, average_precision),
        "ece": multilabel_calibration_error,
        "brier": brier,
        "mcc": partial(_macro_average, mcc),
    },
    "regression": {
        "rmse": lambda p, y: (p - y).square().mean().sqrt(),
        "mae": lambda p, y: (p - y).abs().mean(),
        "r2": r2,
    },
}
