"""Stacked models, against scikit-learn's own on columns built by hand."""

import numpy as np
import pytest
import torch
from scipy.special import logit
from sklearn.linear_model import LogisticRegression, Ridge

from lepton.ensemble.combiner import ValidationPredictions
from lepton.ensemble.stacking import Stacking
from lepton.errors import LeptonError
from lepton.testing.members import made_up_scorer

SETTINGS = {"learns_from": "val", "c": 0.1, "trees": 20, "learning_rate": 0.1, "leaves": 4}
DRAW = np.random.default_rng(0)
Y = DRAW.integers(0, 3, 90)
PROBABILITIES = DRAW.dirichlet([2, 2, 2], (4, 90)) * 0.5 + np.eye(3)[Y] * 0.5
METRICS = {"regression": "rmse"}


def predictions_and_targets(task):
    """Predictions and targets of four members, as numpy."""
    if task == "multiclass":
        return Y, PROBABILITIES
    if task == "multilabel":
        return (DRAW.uniform(size=(90, 3)) < PROBABILITIES[0]).astype(float), PROBABILITIES
    if task == "binary":
        return (Y == 1).astype(float), PROBABILITIES[..., 1]
    y = DRAW.normal(50, 9, 90)
    return y, y + DRAW.normal(0, [[3], [5], [7], [9]], (4, 90))


def fitted(task, y, p, model="linear", **settings):
    scorer = made_up_scorer(task, METRICS.get(task, "log_loss"))
    stack = Stacking(task=task, model=model, **SETTINGS | settings)
    weights = stack.fit(
        ValidationPredictions(torch.tensor(p), torch.tensor(y), scorer, [1] * 4, None, None, 0)
    )
    assert weights.sum().item() == pytest.approx(1)
    return stack, weights


def predict(stack, p, weights):
    return stack.combine(torch.tensor(p), weights).numpy()


def test_two_classes_are_logistic_regression_on_log_odds():
    y, p = predictions_and_targets("binary")
    stack, weights = fitted("binary", y, p)
    reference = LogisticRegression(C=0.1, max_iter=1000).fit(logit(p).T, y)
    np.testing.assert_allclose(
        predict(stack, p, weights), reference.predict_proba(logit(p).T)[:, 1]
    )
    shares = np.abs(reference.coef_[0]) / np.abs(reference.coef_[0]).sum()
    np.testing.assert_allclose(weights, shares)


def test_several_classes_are_one_model_and_labels_a_model_each():
    y, p = predictions_and_targets("multiclass")
    stack, weights = fitted("multiclass", y, p)
    columns = np.concatenate([logit(member) for member in p], axis=1)
    reference = LogisticRegression(C=0.1, max_iter=1000).fit(columns, y)
    np.testing.assert_allclose(
        predict(stack, p, weights), reference.predict_proba(columns), rtol=1e-6
    )
    y, p = predictions_and_targets("multilabel")
    stack, weights = fitted("multilabel", y, p)
    for label in range(3):
        reference = LogisticRegression(C=0.1, max_iter=1000).fit(
            logit(p[..., label]).T, y[:, label]
        )
        expected = reference.predict_proba(logit(p[..., label]).T)[:, 1]
        np.testing.assert_allclose(predict(stack, p, weights)[:, label], expected)


def test_numbers_are_ridge_regression_in_standard_deviations():
    y, p = predictions_and_targets("regression")
    stack, weights = fitted("regression", y, p)
    x, z = ((p - y.mean()) / y.std()).T, (y - y.mean()) / y.std()
    expected = Ridge(alpha=10).fit(x, z).predict(x) * y.std() + y.mean()
    np.testing.assert_allclose(predict(stack, p, weights), expected)


@pytest.mark.slow
@pytest.mark.parametrize("model", ["linear", "boosted"])
@pytest.mark.parametrize("task", ["binary", "multiclass", "multilabel", "regression"])
def test_what_is_saved_predicts_the_same(task, model, tmp_path):
    y, p = predictions_and_targets(task)
    stack, weights = fitted(task, y, p, model)
    stack.save(tmp_path)
    again = Stacking(task=task, model=model, **SETTINGS)
    again.load(tmp_path)
    np.testing.assert_array_equal(predict(again, p, weights), predict(stack, p, weights))


def test_a_class_that_validation_lacks_gets_nothing():
    stack, weights = fitted("multiclass", np.where(Y == 2, 1, Y), PROBABILITIES)
    predicted = predict(stack, PROBABILITIES, weights)
    assert (predicted[:, 2] == 0).all()
    np.testing.assert_allclose(predicted.sum(1), 1)


def test_a_label_of_one_kind_alone_is_constant():
    y, p = predictions_and_targets("multilabel")
    stack, weights = fitted("multilabel", np.concatenate([y[:, :2], 0 * y[:, 2:]], 1), p)
    assert (predict(stack, p, weights)[:, 2] == 0).all()


def test_a_stack_that_holds_something_else_is_not_loaded(tmp_path):
    import pathlib

    import skops.io

    skops.io.dump([pathlib.PurePosixPath, 0.0, 1.0], tmp_path / "stack.skops")
    with pytest.raises(LeptonError, match="which no fitted model does"):
        Stacking(task="binary", model="linear", **SETTINGS).load(tmp_path)
