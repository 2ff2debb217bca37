"""Gain, lift and metrics by threshold, against scikit-learn and counts by hand."""

import numpy as np
import pytest
from sklearn.metrics import precision_recall_fscore_support, roc_auc_score

from lepton.report.figures.thresholds import (
    Threshold,
    gain_curve,
    gain_lift_threshold,
    threshold_metrics,
)
from tests.report.samples import binary_predictions


def drawn(digits):
    """Targets, and scores that say something of them; of few digits many are equal."""
    generator = np.random.default_rng(3)
    p = generator.uniform(size=500)
    target = (generator.uniform(size=500) < p**2).astype(int)
    return target, p.round(digits)


@pytest.mark.parametrize("digits", [1, 12])
def test_the_area_below_the_gain_follows_from_that_of_the_roc_curve(digits):
    target, p = drawn(digits)
    shares, gains = gain_curve(target, p)
    base = target.mean()
    expected = base / 2 + (1 - base) * roc_auc_score(target, p)
    assert np.trapezoid(gains, shares) == pytest.approx(expected, abs=1e-12)
    assert (shares[0], gains[0], shares[-1], gains[-1]) == (0, 0, 1, 1)


def test_gain_and_lift_are_what_the_first_samples_hold():
    target, p = drawn(12)
    shares, gains = gain_curve(target, p)
    tenth = np.argsort(-p)[:50]
    assert np.interp(0.1, shares, gains) == pytest.approx(target[tenth].sum() / target.sum())
    lift = np.interp(0.1, shares, gains) / 0.1
    assert lift == pytest.approx(target[tenth].mean() / target.mean())


@pytest.mark.parametrize("digits", [1, 12])
def test_metrics_by_threshold_are_scikit_learns_of_what_exceeds_it(digits):
    target, p = drawn(digits)
    thresholds = np.array([0, 0.1, 0.25, 0.3, 0.5, 0.9])
    costs = np.array([[0.0, 1], [5, 0]])
    metrics = threshold_metrics(target, p, thresholds, costs)
    of_one_class = min((target == 0).sum(), 5 * target.sum())
    for i, threshold in enumerate(thresholds):
        decided = (p > threshold).astype(int)
        precision, recall, f1, _ = precision_recall_fscore_support(
            target, decided, average="binary"
        )
        found = [metrics[name][i] for name in ("precision", "recall", "F1")]
        assert found == pytest.approx([precision, recall, f1])
        assert metrics["cost"][i] == pytest.approx(costs[target, decided].sum() / of_one_class)


def test_where_nothing_exceeds_a_threshold_there_is_no_precision():
    target, p = drawn(12)
    metrics = threshold_metrics(target, p, np.array([1.0]), None)
    assert np.isnan(metrics["precision"][0])
    assert (metrics["recall"][0], metrics["F1"][0]) == (0, 0)
    assert "cost" not in metrics


@pytest.mark.usefixtures("figure_style")
def test_the_figure_marks_the_threshold_and_draws_costs_where_there_are_some():
    predictions = binary_predictions(300)
    costs = np.array([[0.0, 1], [5, 0]])
    for given, names in ((None, 3), (costs, 4)):
        threshold = Threshold(predictions.prediction, 0.17, given)
        *_, ax = gain_lift_threshold({"best": predictions}, threshold).axes
        assert len(ax.get_legend().get_texts()) == names
        assert [*ax.lines[-1].get_xdata()] == [0.17, 0.17]
        assert " 0.17" in {text.get_text() for text in ax.texts}


def test_gain_and_metrics_by_whole_weights_are_those_of_repeated_samples():
    target, p = drawn(1)
    counts = np.random.default_rng(5).choice([1, 2, 5], len(p))
    rows = np.repeat(np.arange(len(p)), counts)
    for by_weights, repeated in zip(
        gain_curve(target, p, counts), gain_curve(target[rows], p[rows]), strict=True
    ):
        np.testing.assert_allclose(by_weights, repeated)
    thresholds, costs = np.linspace(0, 1, 21), np.array([[0.0, 1], [5, 0]])
    by_weights = threshold_metrics(target, p, thresholds, costs, counts)
    repeated = threshold_metrics(target[rows], p[rows], thresholds, costs)
    for name, values in repeated.items():
        np.testing.assert_allclose(by_weights[name], values)
