import math

import numpy as np
import pandas as pd
import pytest
import sklearn.metrics as sk
import torch
from scipy.stats import ks_2samp

from lepton.config.younger_keys import changes_of
from lepton.errors import ConfigError
from lepton.metric.direction import LARGER_IS_BETTER
from lepton.metric.scoring import METRICS, monitor_value, score
from lepton.spec import DataSpec
from lepton.storage.predictions import (
    SplitPredictions,
    predictions_frame,
    predictions_from_frame,
)
from lepton.task import task_for

TOLERANCE = 1e-6  # torchmetrics counts in 32 bits


def example(task, rows=300, seed=0):
    """Predictions that know something, and targets; one class is rare."""
    rng = np.random.default_rng(seed)
    if task == "regression":
        target = 1000 + rng.normal(size=rows)
        return target + rng.normal(size=rows), target
    if task == "multiclass":
        target = rng.choice(4, size=rows, p=[0.5, 0.3, 0.15, 0.05])
        logits = rng.normal(size=(rows, 4)) + 1.5 * np.eye(4)[target]
        return np.exp(logits) / np.exp(logits).sum(1, keepdims=True), target
    shape = (rows,) if task == "binary" else (rows, 3)
    target = (rng.random(shape) < 0.3).astype(float)
    return 1 / (1 + np.exp(-rng.normal(size=shape) - 2 * target + 1)), target


def scored(prediction, target, task, **options):
    return score(torch.tensor(prediction), torch.tensor(target), task=task, **options)


def slow_ece(confidence, correct, bins=15):
    """Over equal bins: |mean confidence - share correct|, weighted by rows."""
    total = 0.0
    for i in range(bins):
        inside = (confidence >= i / bins) & ((confidence < (i + 1) / bins) | (i + 1 == bins))
        if inside.any():
            total += inside.sum() * abs(confidence[inside].mean() - correct[inside].mean())
    return total / len(confidence)


def binary_by_scikit_learn(p, y):
    hard = (p > 0.5).astype(int)
    return {
        "log_loss": sk.log_loss(y, p),
        "accuracy": sk.accuracy_score(y, hard),
        "balanced_accuracy": sk.balanced_accuracy_score(y, hard),
        "f1": sk.f1_score(y, hard),
        "auroc": sk.roc_auc_score(y, p),
        "average_precision": sk.average_precision_score(y, p),
        "ece": slow_ece(p, y),
        "brier": sk.brier_score_loss(y, p),
        "ks": ks_2samp(p[y == 1], p[y == 0]).statistic,
        "mcc": sk.matthews_corrcoef(y, hard),
    }


def test_binary_metrics_agree_with_scikit_learn_and_scipy():
    p, y = example("binary")
    p = p.round(2)  # ties
    assert scored(p, y, "binary") == pytest.approx(binary_by_scikit_learn(p, y), abs=TOLERANCE)


def test_multiclass_metrics_agree_with_scikit_learn():
    p, y = example("multiclass")
    hard = p.argmax(1)
    expected = {
        "log_loss": sk.log_loss(y, p),
        "accuracy": sk.accuracy_score(y, hard),
        "balanced_accuracy": sk.balanced_accuracy_score(y, hard),
        "f1": sk.f1_score(y, hard, average="macro"),
        "auroc": sk.roc_auc_score(y, p, multi_class="ovr"),
        "average_precision": sk.average_precision_score(y, p, average="macro"),
        "ece": slow_ece(p.max(1), hard == y),
        "brier": sk.brier_score_loss(y, p),
        "mcc": sk.matthews_corrcoef(y, hard),
    }
    assert scored(p, y, "multiclass") == pytest.approx(expected, abs=TOLERANCE)


def test_multilabel_metrics_are_means_over_labels():
    p, y = example("multilabel")
    labels = [binary_by_scikit_learn(p[:, i], y[:, i]) for i in range(3)]
    expected = {name: np.mean([label[name] for label in labels]) for name in labels[0]}
    del expected["ks"]
    assert scored(p, y, "multilabel") == pytest.approx(expected, abs=TOLERANCE)


@pytest.mark.parametrize("offset", [0, 1e5, 1.7e9, 1e12])
def test_regression_metrics_agree_with_scikit_learn_far_from_zero(offset):
    p, y = example("regression")
    p, y = p + offset, y + offset
    expected = {
        "rmse": sk.root_mean_squared_error(y, p),
        "mae": sk.mean_absolute_error(y, p),
        "r2": sk.r2_score(y, p),
    }
    assert scored(p, y, "regression") == pytest.approx(expected, abs=TOLERANCE)


def test_a_constant_prediction_scores_as_knowing_nothing():
    _, y = example("binary")
    share = y.mean()
    values = scored(np.full(len(y), share), y, "binary")
    assert values == pytest.approx(
        {
            "log_loss": -share * math.log(share) - (1 - share) * math.log(1 - share),
            "accuracy": 1 - share,
            "balanced_accuracy": 0.5,
            "f1": 0.0,
            "auroc": 0.5,
            "average_precision": share,
            "ece": 0.0,
            "brier": share * (1 - share),
            "ks": 0.0,
            "mcc": 0.0,
        },
        abs=TOLERANCE,
    )


def test_certain_mistakes_cost_a_finite_log_loss():
    values = scored(np.array([1.0, 0.0]), np.array([0.0, 0.0]), "binary")
    assert values["log_loss"] == pytest.approx(-math.log(np.finfo(np.float32).eps) / 2, abs=1e-5)
    values = scored(np.array([[1.0, 0.0]] * 2), np.array([1, 0]), "multiclass")
    assert values["log_loss"] == pytest.approx(-math.log(np.finfo(np.float32).eps) / 2, abs=1e-5)


@pytest.mark.parametrize("value", [0, 1])
def test_metrics_that_one_class_alone_does_not_define_are_left_out(value):
    p, _ = example("binary")
    values = scored(p, np.full(len(p), value), "binary")
    assert set(values) == {"log_loss", "accuracy", "ece", "brier"}
    p, _ = example("multiclass")
    values = scored(p, np.full(len(p), value), "multiclass")
    assert set(values) == {"log_loss", "accuracy", "ece", "brier"}
    p, _ = example("multilabel")
    values = scored(p, np.full(p.shape, value), "multilabel")
    assert set(values) == {"log_loss", "accuracy", "ece", "brier"}
    p, _ = example("regression")
    assert set(scored(p, np.full(len(p), value), "regression")) == {"rmse", "mae"}


def test_averages_run_over_the_classes_that_the_split_has():
    p, y = example("multiclass")
    frequent = y != 3
    p, y = p[frequent], y[frequent]
    values = scored(p, y, "multiclass")
    auroc = np.mean([sk.roc_auc_score(y == c, p[:, c]) for c in range(3)])
    assert values["auroc"] == pytest.approx(auroc, abs=TOLERANCE)
    recall = np.mean([(p[y == c].argmax(1) == c).mean() for c in range(3)])
    assert values["balanced_accuracy"] == pytest.approx(recall)


def test_a_diverged_prediction_shows():
    p, y = example("binary")
    p[3] = np.nan
    values = scored(p, y, "binary")
    assert set(values) == set(METRICS["binary"])
    assert all(math.isnan(value) for value in values.values())


def test_logits_and_unknown_metrics_are_refused():
    p, y = example("binary")
    with pytest.raises(ValueError, match="not logits"):
        scored(10 * p, y, "binary")
    with pytest.raises(ConfigError, match="binary has no metric 'rmse'"):
        scored(p, y, "binary", only=("rmse",))


def test_probabilities_that_rounding_put_above_one_count_as_one():
    p, y = np.array([1 + 1e-7, 0.2, 0.7]), np.array([1, 0, 0])
    assert scored(p, y, "binary") == scored(np.array([1, 0.2, 0.7]), y, "binary")


def test_an_empty_split_has_no_metrics():
    assert scored(np.zeros(0), np.zeros(0), "binary") == {}


def test_the_monitor_is_one_of_the_scores():
    p, y = (torch.tensor(x) for x in example("binary"))
    value = monitor_value(p, y, task="binary", metric="auroc")
    assert value == score(p, y, task="binary")["auroc"]
    with pytest.raises(ConfigError, match=r"task\.monitor: auroc is undefined .*log_loss"):
        monitor_value(p, torch.ones_like(y), task="binary", metric="auroc")


def test_every_metric_has_a_direction():
    assert {name for metrics in METRICS.values() for name in metrics} == set(LARGER_IS_BETTER)


@pytest.mark.parametrize("task", METRICS)
def test_the_truth_scores_at_least_as_well_as_anything_else(task):
    p, y = example(task)
    truth = np.eye(4)[y] if task == "multiclass" else y
    best, other = scored(truth, y, task), scored(p, y, task)
    for name, value in best.items():
        sign = 1 if LARGER_IS_BETTER[name] else -1
        assert sign * value > sign * other[name], name


def spec_for(task):
    many = task in ("multiclass", "multilabel")
    return DataSpec(
        task=task,
        outputs=3 if many else 1,
        classes=("a", "b", "c") if many else (),
        class_counts=(),
        target_names=("y",),
        target_mean=0.0,
        target_std=1.0,
        num_features=(),
        cat_features=(),
        cat_cardinalities=(),
        quantiles=(),
        train_rows=1,
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("task", METRICS)
def test_a_table_of_predictions_is_read_back_exactly(task, dtype, tmp_path):
    p, y = example(task)
    if task == "multiclass":
        p, y = p[:, :3], y % 3
    target = torch.tensor(y) if task == "multiclass" else torch.tensor(y, dtype=dtype)
    prediction, spec = torch.tensor(p, dtype=dtype), spec_for(task)
    split = SplitPredictions(torch.arange(len(p)), target, prediction)
    columns = task_for(spec, class_weights=None, monitor=None).columns
    predictions_frame(split, columns).to_parquet(tmp_path / "p.parquet")
    stored = predictions_from_frame(pd.read_parquet(tmp_path / "p.parquet"))
    read_back = (stored.prediction, stored.target)
    assert all(torch.equal(a, b) for a, b in zip(read_back, (prediction, target), strict=True))
    assert [a.dtype for a in read_back] == [prediction.dtype, target.dtype]


@pytest.mark.parametrize("bins", [4, 40])
def test_the_bins_of_the_calibration_error_can_be_chosen(bins):
    generator = np.random.default_rng(5)
    p, y = generator.uniform(size=400), generator.integers(0, 2, 400)
    chosen = scored(p, y, "binary", only=["ece"], calibration_bins=bins)
    assert chosen["ece"] == pytest.approx(slow_ece(p, y, bins))
    labels = scored(np.stack([p, p], 1), np.stack([y, y], 1), "multilabel", calibration_bins=bins)
    assert labels["ece"] == pytest.approx(chosen["ece"])
    shares = generator.dirichlet(np.ones(3), 400)
    classes = generator.integers(0, 3, 400)
    several = scored(shares, classes, "multiclass", only=["ece"], calibration_bins=bins)
    assert several["ece"] == pytest.approx(
        slow_ece(shares.max(1), shares.argmax(1) == classes, bins)
    )


def edges_and_neighbours(bins):
    """Every edge of the bins, 0 and 1 included, and the next numbers on both sides of it."""
    edges = np.arange(bins + 1) / bins
    around = [np.nextafter(edges, -1), edges, np.nextafter(edges, 2)]
    return np.unique(np.clip(np.concatenate(around), 0, 1))


@pytest.mark.parametrize("bins", [1, 2, 7, 10, 15, 49, 100])
def test_probabilities_at_the_edges_of_bins_count_where_plain_numpy_counts_them(bins):
    p = edges_and_neighbours(bins)
    y = np.random.default_rng(bins).integers(0, 2, len(p))
    options = {"only": ["ece"], "calibration_bins": bins}
    binary = scored(p, y, "binary", **options)["ece"]
    assert binary == pytest.approx(slow_ece(p, y, bins), abs=1e-12)
    labels, targets = np.stack([p, p[::-1]], 1), np.stack([y, y], 1)
    expected = np.mean([slow_ece(p, y, bins), slow_ece(p[::-1], y, bins)])
    multilabel = scored(labels, targets, "multilabel", **options)["ece"]
    assert multilabel == pytest.approx(expected, abs=1e-12)
    classes = np.stack([p, (1 - p) / 2, (1 - p) / 2], 1)
    classes, targets = classes[p > 0.5], np.where(y, 0, 1)[p > 0.5]
    multiclass = scored(classes, targets, "multiclass", **options)["ece"]
    assert multiclass == pytest.approx(slow_ece(p[p > 0.5], y[p > 0.5], bins), abs=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_certain_prediction_shares_the_last_bin(dtype):
    p, y = torch.tensor([0.95, 1.0], dtype=dtype), torch.tensor([1, 0])
    assert score(p, y, task="binary")["ece"] == pytest.approx(0.475)
    both = score(torch.stack([p, p], 1), torch.stack([y, y], 1), task="multilabel")
    assert both["ece"] == pytest.approx(0.475)
    assert score(torch.stack([p, 1 - p], 1), 1 - y, task="multiclass")["ece"] == pytest.approx(
        0.475
    )


def test_a_run_that_was_chosen_by_its_calibration_error_is_another_run_now():
    def revisions(metric):
        return changes_of({"task": {"monitor": metric}})

    assert not revisions(None)
    assert not revisions("auroc")
    assert list(revisions("ece")) == ["task"]
