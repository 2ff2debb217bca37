"""Mean, geometric mean, median and vote, against numpy and scipy on small matrices."""

import numpy as np
import pytest
import torch
from scipy.stats import gmean, mode

from lepton.ensemble.combiner import equal_weights
from lepton.ensemble.geometric_mean import GeometricMean
from lepton.ensemble.mean import Mean
from lepton.ensemble.median import Median
from lepton.ensemble.vote import Vote

DRAW = np.random.default_rng(0)
BINARY = DRAW.uniform(0.01, 0.99, (5, 30))
MULTI = DRAW.dirichlet([1, 1, 1], (5, 30))


def combined(method, task, p):
    p = torch.tensor(p)
    return method(task=task).combine(p, equal_weights(len(p))).numpy()


@pytest.mark.parametrize(("task", "p"), [("binary", BINARY), ("multiclass", MULTI)])
def test_the_mean_is_the_mean(task, p):
    np.testing.assert_allclose(combined(Mean, task, p), p.mean(0), rtol=1e-12)


def test_the_geometric_mean_of_classes_is_scaled_to_sum_one():
    expected = gmean(MULTI, axis=0)
    expected /= expected.sum(1, keepdims=True)
    np.testing.assert_allclose(combined(GeometricMean, "multiclass", MULTI), expected, rtol=1e-9)


@pytest.mark.parametrize("task", ["binary", "multilabel"])
def test_the_geometric_mean_of_two_classes_counts_both(task):
    p = BINARY if task == "binary" else MULTI
    yes, no = gmean(p, axis=0), gmean(1 - p, axis=0)
    np.testing.assert_allclose(combined(GeometricMean, task, p), yes / (yes + no), rtol=1e-9)


def test_the_geometric_mean_bears_certainty():
    sure = combined(GeometricMean, "binary", np.array([[0.0, 1.0], [0.5, 0.5]]))
    assert np.isfinite(sure).all()
    assert sure[0] < 0.001
    assert sure[1] > 0.999


@pytest.mark.parametrize("members", [4, 5])
def test_the_median_is_numpys(members):
    p = BINARY[:members]
    np.testing.assert_allclose(combined(Median, "regression", p), np.median(p, axis=0))
    middle = np.median(MULTI[:members], axis=0)
    middle /= middle.sum(1, keepdims=True)
    np.testing.assert_allclose(combined(Median, "multiclass", MULTI[:members]), middle)


def test_classes_whose_medians_are_all_zero_get_the_mean():
    average = combined(Median, "multiclass", np.eye(3)[:, None, :])
    np.testing.assert_allclose(average, [[1 / 3, 1 / 3, 1 / 3]])


def test_the_class_of_most_votes_is_the_mode_of_the_classes():
    shares = combined(Vote, "multiclass", MULTI)
    votes = MULTI.argmax(-1)
    modes = mode(votes, axis=0)
    decided = (votes == modes.mode).sum(0) > 2
    assert decided.sum() > 10
    assert (shares.argmax(1) == modes.mode)[decided].all()
    np.testing.assert_allclose(shares.max(1), modes.count / 5)


def test_votes_on_two_classes_and_on_labels_are_shares():
    np.testing.assert_allclose(combined(Vote, "binary", BINARY), (BINARY > 0.5).mean(0))
    np.testing.assert_allclose(combined(Vote, "multilabel", MULTI), (MULTI > 0.5).mean(0))
