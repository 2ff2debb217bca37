"""Calibrations are those of scikit-learn and of closed forms."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit, log_softmax, logit, softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import log_loss

from lepton.decision.calibration import (
    METHODS,
    fit_isotonic,
    fit_platt,
    fit_softmax,
    fit_temperature,
    normalized,
)
from lepton.decision.choice import choose_rule

NEW = np.linspace(0.001, 0.999, 40)


class Told(ClassifierMixin, BaseEstimator):
    """A fitted classifier whose decision function is its input."""

    def fit(self, x, y):
        self.classes_ = np.unique(y)
        return self

    def predict(self, x):
        raise NotImplementedError  # never asked, but looked for

    def decision_function(self, x):
        return x[:, 0] if x.shape[1] == 1 else x


def by_sklearn(x, y, new, method):
    model = CalibratedClassifierCV(FrozenEstimator(Told().fit(x, y)), method=method)
    return model.fit(x, y).predict_proba(new)


@pytest.fixture
def rows():
    """Probabilities that are too sure of themselves, and what came."""
    generator = np.random.default_rng(0)
    z = generator.normal(-1, 1.5, 400)
    return expit(2.5 * z + 0.7), (generator.uniform(size=400) < expit(z)).astype(int)


@pytest.fixture
def rows_of_classes():
    generator = np.random.default_rng(1)
    logs = generator.normal(0, 1.5, (300, 3))
    y = np.array([generator.choice(3, p=row) for row in softmax(logs, axis=1)])
    return softmax(2.2 * logs, axis=1), y


def test_platt_is_that_of_scikit_learn(rows):
    p, y = rows
    expected = by_sklearn(logit(p)[:, None], y, logit(NEW)[:, None], "sigmoid")[:, 1]
    np.testing.assert_allclose(fit_platt(p, y)(NEW), expected, atol=1e-4)


def test_isotonic_is_that_of_scikit_learn_outside_of_what_it_saw_too(rows):
    p, y = rows
    expected = by_sklearn(p[:, None], y, NEW[:, None], "isotonic")[:, 1]
    np.testing.assert_allclose(fit_isotonic(p, y)(NEW), expected, atol=1e-12)


def test_a_temperature_has_the_least_log_loss_of_all(rows):
    p, y = rows
    temperature = 1 / fit_temperature(p, y).slope
    losses = {t: log_loss(y, expit(logit(p) / t)) for t in temperature * np.array([0.97, 1, 1.03])}
    assert min(losses, key=lambda t: losses[t]) == temperature
    assert fit_temperature(p, y).intercept == 0
    fitted = fit_temperature(expit(logit(p) / 2), y)  # half as sure is cooled half as much
    assert 1 / fitted.slope == pytest.approx(temperature / 2, rel=1e-3)


def test_the_temperature_of_classes_is_found_by_another_search_too(rows_of_classes):
    p, y = rows_of_classes

    def loss(slope):
        return -log_softmax(slope[0] * np.log(p), axis=1)[np.arange(len(y)), y].mean()

    slope = minimize(loss, [1.0], method="Nelder-Mead", options={"xatol": 1e-8}).x[0]
    fitted = fit_softmax(p, y)
    assert fitted.temperature == pytest.approx(1 / slope, rel=1e-4)
    np.testing.assert_allclose(fitted(p), softmax(np.log(p) * slope, axis=1), atol=1e-5)


def test_classes_apart_are_calibrated_and_made_to_sum_to_1_as_in_scikit_learn(rows_of_classes):
    p, y = rows_of_classes
    options = {"task": "multiclass", "threshold": "none", "costs": None}
    for method, sklearn_method, scores in (
        ("platt", "sigmoid", logit(p)),
        ("isotonic", "isotonic", p),
    ):
        rule = choose_rule(p, y, calibration=method, **options)
        expected = by_sklearn(scores, y, scores, sklearn_method)
        np.testing.assert_allclose(rule.probabilities(p), expected, atol=1e-4, err_msg=method)


def test_labels_are_calibrated_each_by_itself(rows):
    p, y = rows
    both, outcomes = np.stack([p, 1 - p], 1), np.stack([y, y], 1)
    options = {"task": "multilabel", "threshold": "none", "costs": None}
    rule = choose_rule(both, outcomes, calibration="isotonic", **options)
    for i, column in enumerate(both.T):
        fitted = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(column, y)
        np.testing.assert_allclose(rule.probabilities(both)[:, i], fitted.predict(column))


def test_classes_of_which_none_is_likely_are_equally_so():
    assert normalized(np.array([[0.0, 0.0], [0.25, 0.75]])).tolist() == [[0.5, 0.5], [0.25, 0.75]]


@pytest.mark.parametrize("calibration", METHODS)
@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_a_calibration_by_whole_weights_is_that_of_repeated_rows(task, calibration):
    generator = np.random.default_rng(0)
    p = generator.uniform(0.02, 0.98, size=(200, 3)).round(2)
    counts, y = generator.choice([0, 1, 4], 200), generator.integers(0, 3, 200)
    p = p / p.sum(1, keepdims=True)
    if task == "binary":
        p, y = p[:, 0], (y == 0).astype(int)
    rows = np.repeat(np.arange(200), counts)
    options = {"task": task, "threshold": "none", "costs": None, "calibration": calibration}
    by_weights = choose_rule(p, y, counts.astype(float), **options)
    repeated = choose_rule(p[rows], y[rows], **options)
    np.testing.assert_allclose(by_weights.probabilities(p), repeated.probabilities(p), atol=2e-5)
    alike = choose_rule(p, y, **options).probabilities(p)
    assert np.abs(alike - repeated.probabilities(p)).max() > 1e-3
