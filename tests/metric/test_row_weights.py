"""Metrics by weights of rows: those of rows that stand there so often, and scikit-learn's."""

import logging
from functools import partial

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from sklearn import metrics as sk

from lepton.metric.metric import Metric
from lepton.metric.option import MetricOption
from lepton.metric.row_weights import binary_digits
from lepton.metric.scoring import METRICS, score
from lepton.storage.run_log import SHOWN_LINES
from tests.metric.test_added_metrics import CASES, VALUES, predictions, task_with
from tests.metric.test_scoring import example, slow_ece

ROWS = 300
COUNTS = torch.from_numpy(np.random.default_rng(1).choice([0, 1, 2, 5], ROWS))
SHARES = torch.from_numpy(np.random.default_rng(2).choice([0, 0.3, 1.7, 4.25, 0.01], ROWS))
OWN = [(task, name) for task, names in METRICS.items() for name in names]
TOLERANCE = {"rel": 1e-6, "abs": 1e-7}  # torchmetrics counts in 32 bits


def drawn(task):
    p, y = example(task, ROWS)
    if task in ("binary", "multilabel"):
        p = p.round(2)  # with ties
    return torch.from_numpy(p), torch.from_numpy(y)


@pytest.mark.parametrize(("task", "name"), OWN)
def test_whole_weights_are_rows_that_stand_there_so_often(task, name):
    p, y = drawn(task)
    rows = torch.arange(ROWS).repeat_interleave(COUNTS)
    expected = score(p[rows], y[rows], task=task, only=[name])
    assert score(p, y, task=task, only=[name], weight=COUNTS) == {
        name: pytest.approx(expected[name], **TOLERANCE)
    }
    assert score(p, y, task=task, only=[name])[name] != pytest.approx(expected[name], **TOLERANCE)


@pytest.mark.parametrize("task", METRICS)
def test_weights_that_are_all_alike_have_the_bits_of_none(task):
    p, y = drawn(task)
    assert score(p, y, task=task, weight=torch.full((ROWS,), 0.7)) == score(p, y, task=task)
    some = torch.rand(ROWS) < 0.5
    assert score(p, y, task=task, weight=some) == score(p[some], y[some], task=task)


def test_a_class_whose_rows_weigh_nothing_is_not_there():
    p, y = drawn("binary")
    weight = (y == 0) * SHARES
    assert "auroc" not in score(p, y, task="binary", weight=weight)
    assert score(p, y, task="binary", weight=torch.zeros(ROWS)) == {}


def of_columns(function, y, p, w):
    """The mean over the labels, or over the classes, each against the rest."""
    y = y if y.ndim == 2 else np.eye(p.shape[1])[y.astype(int)]
    return np.mean([function(y[:, c], p[:, c], sample_weight=w) for c in range(p.shape[1])])


def clipped(p):
    eps = np.finfo(np.float32).eps
    return np.clip(p, eps, 1 - eps)


def binary_reference(y, p, w):
    told, by = p > 0.5, {"sample_weight": w}
    fpr, tpr, _ = sk.roc_curve(y, p, **by)
    return {
        "log_loss": sk.log_loss(y, clipped(p), **by),
        "accuracy": sk.accuracy_score(y, told, **by),
        "balanced_accuracy": sk.balanced_accuracy_score(y, told, **by),
        "f1": sk.f1_score(y, told, **by),
        "auroc": sk.roc_auc_score(y, p, **by),
        "average_precision": sk.average_precision_score(y, p, **by),
        "ece": weighted_ece(p, y, w),
        "brier": sk.brier_score_loss(y, p, **by),
        "ks": np.max(tpr - fpr),
        "mcc": sk.matthews_corrcoef(y, told, **by),
    }


def multiclass_reference(y, p, w):
    told, by = p.argmax(1), {"sample_weight": w}
    squares = np.square(p - np.eye(p.shape[1])[y]).sum(1)
    return {
        "log_loss": sk.log_loss(y, p, **by),
        "accuracy": sk.accuracy_score(y, told, **by),
        "balanced_accuracy": sk.balanced_accuracy_score(y, told, **by),
        "f1": sk.f1_score(y, told, average="macro", **by),
        "auroc": sk.roc_auc_score(y, p, multi_class="ovr", **by),
        "average_precision": of_columns(sk.average_precision_score, y, p, w),
        "ece": weighted_ece(p.max(1), told == y, w),
        "brier": np.average(squares, weights=w),
        "mcc": sk.matthews_corrcoef(y, told, **by),
    }


def multilabel_reference(y, p, w):
    told = (p > 0.5).astype(int)
    return {
        "log_loss": of_columns(sk.log_loss, y, clipped(p), w),
        "accuracy": of_columns(sk.accuracy_score, y, told, w),
        "balanced_accuracy": of_columns(sk.balanced_accuracy_score, y, told, w),
        "f1": of_columns(sk.f1_score, y, told, w),
        "auroc": of_columns(sk.roc_auc_score, y, p, w),
        "average_precision": of_columns(sk.average_precision_score, y, p, w),
        "ece": np.mean([weighted_ece(p[:, c], y[:, c], w) for c in range(p.shape[1])]),
        "brier": of_columns(sk.brier_score_loss, y, p, w),
        "mcc": of_columns(sk.matthews_corrcoef, y, told, w),
    }


def regression_reference(y, p, w):
    by = {"sample_weight": w}
    return {
        "rmse": sk.root_mean_squared_error(y, p, **by),
        "mae": sk.mean_absolute_error(y, p, **by),
        "r2": sk.r2_score(y, p, **by),
    }


def weighted_ece(confidence, correct, w):
    """That of rows which stand there a hundred times their weight."""
    rows = np.repeat(np.arange(len(w)), np.round(100 * w).astype(int))
    return slow_ece(confidence[rows], correct[rows])


@pytest.mark.parametrize("task", METRICS)
def test_metrics_by_weights_are_those_of_scikit_learn(task):
    p, y = drawn(task)
    reference = globals()[f"{task}_reference"]
    expected = reference(y.numpy(), p.numpy(), SHARES.numpy())
    found = score(p, y, task=task, weight=SHARES)
    assert found == pytest.approx(expected, rel=1e-9)
    assert {*found} == {*METRICS[task]}


@pytest.mark.parametrize(("metric", "name"), CASES)
def test_shipped_metrics_by_whole_weights_are_those_of_repeated_rows(metric, name):
    task = task_with(name, f"metric={metric}", *VALUES.get(metric, ()))
    p, y = predictions(name)
    counts = COUNTS[: len(y)]
    rows = torch.arange(len(y)).repeat_interleave(counts)
    expected = task.score(p[rows], y[rows], only=[metric])[metric]
    by_weights = partial(task.score_rows, p, y, only=[metric])
    assert by_weights(counts) == {metric: pytest.approx(expected, **TOLERANCE)}
    assert by_weights(counts / 8) == {metric: pytest.approx(expected, **TOLERANCE)}
    assert by_weights(torch.full((len(y),), 0.3)) == task.score(p, y, only=[metric])


def classes(function, **options):
    return lambda y, p, w: function(y, p > 0.5, sample_weight=w, **options)


REFERENCES = {
    "precision": ("binary", classes(sk.precision_score)),
    "recall": ("binary", classes(sk.recall_score)),
    "cohen_kappa": ("binary", classes(sk.cohen_kappa_score)),
    "mape": (
        "regression",
        lambda y, p, w: sk.mean_absolute_percentage_error(y, p, sample_weight=w),
    ),
    "median_absolute_error": (
        "regression",
        lambda y, p, w: sk.median_absolute_error(y, p, sample_weight=w),
    ),
    "pinball": (
        "regression",
        lambda y, p, w: sk.mean_pinball_loss(y, p, sample_weight=w, alpha=0.5),
    ),
    "top_k_accuracy": (
        "multiclass",
        lambda y, p, w: sk.top_k_accuracy_score(y, p, k=2, sample_weight=w),
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("metric", REFERENCES)
def test_shipped_metrics_by_weights_are_those_of_scikit_learn(metric):
    name, reference = REFERENCES[metric]
    task = task_with(name, f"metric={metric}", *VALUES.get(metric, ()))
    p, y = predictions(name)
    weight = SHARES[: len(y)]
    expected = reference(y.numpy(), p.numpy(), weight.numpy())
    assert task.score_rows(p, y, weight, only=[metric])[metric] == pytest.approx(expected, rel=1e-9)


def test_ranks_by_weights_have_the_correlation_of_repeated_rows_with_ties():
    p, y = (torch.from_numpy(np.random.default_rng(s).integers(0, 9, ROWS) * 1.0) for s in (3, 4))
    p = p + y
    task = task_with("regression", "metric=spearman")
    rows = torch.arange(ROWS).repeat_interleave(COUNTS)
    expected = spearmanr(p[rows], y[rows]).statistic
    assert task.score_rows(p, y, COUNTS)["spearman"] == pytest.approx(expected, rel=1e-12)


def test_the_digits_of_weights_sum_to_them():
    weight = torch.rand(ROWS, dtype=torch.float64) * SHARES * 1000
    total = sum(number * rows.double() for number, rows in binary_digits(weight))
    torch.testing.assert_close(total, weight, rtol=1e-12, atol=1e-12)
    whole = [number for number, _ in binary_digits(COUNTS.double())]
    assert whole == [1, 2, 4]


def worst(prediction, target):
    return (prediction - target).abs().max()


@pytest.mark.parametrize(
    ("target", "label"),
    [(worst, "metric=worst"), ("torchmetrics.regression.PearsonCorrCoef", "metric=pearson")],
)
def test_a_metric_that_cannot_weigh_rows_counts_each_once_and_says_so(target, label, caplog):
    SHOWN_LINES.clear()
    metric = made(target, label)
    p, y = predictions("regression")
    with caplog.at_level(logging.INFO, logger="lepton"):
        assert metric(p, y, SHARES[: len(y)]) == metric(p, y)
    line = f"{label}: takes no weights of rows; it counts each row once"
    assert [record.message for record in caplog.records] == [line]


def made(target, label) -> Metric:
    if callable(target):
        return Metric(target, larger_is_better=False, label=label, key=label)
    module, name = target.rsplit(".", 1)
    make = partial(getattr(__import__(module, fromlist=[name]), name))
    return MetricOption("pearson", label, make, True).metric("regression", 0)
