"""The evaluator `calibration`: errors of probabilities before and after, and their reliability."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.special import expit, logit
from sklearn.calibration import calibration_curve
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import brier_score_loss, log_loss

from lepton.evaluation.calibration import Calibration
from lepton.example import make_spec
from lepton.storage.predictions import SplitPredictions
from lepton.task.binary import Binary
from lepton.task.multiclass import Multiclass
from lepton.testing import EvaluatorContract

BINARY = Binary(make_spec("binary"), class_weights=None, monitor=None)
SEVERAL = Multiclass(make_spec("multiclass"), class_weights=None, monitor=None)


def calibration(**values):
    every = ["temperature", "platt", "isotonic"]
    return Calibration(**{"methods": every, "resamples": 20, **values})


class TestCalibration(EvaluatorContract):
    def build(self):
        return calibration()


def split(p, y):
    return SplitPredictions(torch.arange(len(y)), torch.tensor(y), torch.tensor(p))


def too_sure(rows, seed):
    """Probabilities whose logits are three times as far from 0 as they should be."""
    generator = np.random.default_rng(seed)
    p = generator.uniform(0.02, 0.98, rows)
    return expit(3 * logit(p)), (generator.uniform(size=rows) < p).astype("f4")


@pytest.fixture
def model():
    val, test = split(*too_sure(2000, 0)), split(*too_sure(1500, 1))
    return SimpleNamespace(validation=val, predictions=test, task=BINARY)


@pytest.mark.slow
def test_errors_before_and_after_are_those_of_scikit_learn(model):
    metrics = calibration().evaluate(model, 0).metrics
    p, y = model.predictions.prediction.numpy(), model.predictions.target.numpy()
    assert metrics["before/brier"] == pytest.approx(brier_score_loss(y, p))
    assert metrics["before/log_loss"] == pytest.approx(log_loss(y, p))
    fitted = IsotonicRegression(out_of_bounds="clip")
    fitted.fit(model.validation.prediction.numpy(), model.validation.target.numpy())
    assert metrics["isotonic/brier"] == pytest.approx(brier_score_loss(y, fitted.predict(p)))
    best = min(log_loss(y, expit(logit(p) / t)) for t in np.linspace(2, 4, 81))
    assert metrics["temperature/log_loss"] == pytest.approx(best, abs=2e-3)


def test_probabilities_that_are_too_sure_err_less_when_calibrated_beyond_chance(model):
    table = calibration().evaluate(model, 0).frames["calibration"].set_index(["method", "metric"])
    for method in ("temperature", "platt", "isotonic"):
        for name in ("ece", "brier", "log_loss"):
            assert table.loc[(method, name), "difference_high"] < 0
            assert table.loc[(method, name), "low"] < table.loc[(method, name), "high"]


def test_the_reliability_table_is_the_curve_of_scikit_learn(model):
    table = calibration(methods=[], resamples=0).evaluate(model, 0).frames["reliability"]
    p, y = model.predictions.prediction.numpy(), model.predictions.target.numpy()
    came, confidence = calibration_curve(y, p, n_bins=BINARY.calibration_bins)
    np.testing.assert_allclose(table["came"], came)
    np.testing.assert_allclose(table["confidence"], confidence)
    assert table["n"].sum() == len(y)
    gaps = np.average((table["came"] - table["confidence"]).abs(), weights=table["n"])
    metrics = calibration(methods=[], resamples=0).evaluate(model, 0).metrics
    assert metrics["before/ece"] == pytest.approx(gaps)


@pytest.mark.parametrize("task", [BINARY, SEVERAL])
def test_the_ece_of_right_probabilities_is_what_chance_alone_makes(task):
    generator = np.random.default_rng(3)
    found, expected = [], []
    for seed in range(25):
        p = generator.dirichlet([0.7] * (3 if task is SEVERAL else 2), 150)
        y = np.array([generator.choice(len(row), p=row) for row in p])
        rows = split(p, y) if task is SEVERAL else split(p[:, 1], y.astype("f4"))
        model = SimpleNamespace(validation=rows, predictions=rows, task=task)
        metrics = calibration(methods=[], resamples=10).evaluate(model, seed).metrics
        found.append(metrics["before/ece"])
        expected.append(metrics["before/ece_by_chance"])
    error = np.std(found) / np.sqrt(len(found))
    assert np.mean(found) > 0.03
    assert abs(np.mean(found) - np.mean(expected)) < 3 * error


@pytest.mark.slow
@pytest.mark.parametrize("slope", [1.0, 1.1, 2.0])
def test_intervals_of_the_ece_hold_the_true_one_where_those_of_drawn_rows_do_not(slope):
    """Of 40 intervals 30 must hold it: with a chance of 90 % each, 998 of 1000 tries do."""
    generator = np.random.default_rng(5)

    def rows(count, came):
        right = generator.uniform(0.02, 0.98, count)
        return split(expit(slope * logit(right)), came(right))

    many = rows(400_000, lambda right: right)
    confidence, came = many.prediction.numpy(), many.target.numpy()
    bins = (confidence * BINARY.calibration_bins).astype(int)
    gap = np.bincount(bins, came - confidence)
    true, held = np.abs(gap).sum() / len(bins), 0
    for seed in range(40):
        some = rows(200, lambda right: (generator.uniform(size=len(right)) < right).astype("f4"))
        model = SimpleNamespace(validation=some, predictions=some, task=BINARY)
        table = calibration(methods=[], resamples=40).evaluate(model, seed).frames["calibration"]
        row = table.set_index("metric").loc["ece"]
        held += row["low"] - 2e-3 <= true <= row["high"]
    assert held >= 30


def test_rows_count_by_their_weights(model):
    p, y = model.predictions.prediction, model.predictions.target
    weight = torch.arange(len(y)) % 3
    model.predictions = SplitPredictions(torch.arange(len(y)), y, p, weight.double())
    found = calibration(methods=[], resamples=0).evaluate(model, 0)
    twice = torch.repeat_interleave(torch.arange(len(y)), weight)
    model.predictions = split(p[twice].numpy(), y[twice].numpy())
    again = calibration(methods=[], resamples=0).evaluate(model, 0)
    assert found.metrics == pytest.approx(again.metrics)
    for name in ("came", "confidence"):
        np.testing.assert_allclose(
            found.frames["reliability"][name], again.frames["reliability"][name]
        )
