"""Tables behind the figures of classification, against independent implementations."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import mannwhitneyu
from sklearn.metrics import confusion_matrix

from lepton.report.figures.classification import (
    calibration_table,
    class_curves,
    confusion_table,
)
from tests.report.samples import binary_predictions, multiclass_predictions


@pytest.mark.parametrize(
    "predictions", [binary_predictions(), multiclass_predictions()], ids=["binary", "multiclass"]
)
def test_the_confusion_table_is_that_of_scikit_learn(predictions):
    p = predictions.prediction
    predicted = p > 0.5 if p.ndim == 1 else p.argmax(1)
    expected = confusion_matrix(predictions.target, predicted)
    assert confusion_table(predictions).tolist() == expected.tolist()
    assert predictions.errors.sum() == expected.sum() - np.trace(expected)


def test_predictions_that_are_true_lie_on_the_diagonal():
    table = calibration_table(binary_predictions())
    assert table["n"].sum() == 3000
    assert table["n"].max() - table["n"].min() <= 1
    is_inside = (table["low"] <= table["predicted"]) & (table["predicted"] <= table["high"])
    assert is_inside.sum() >= 8


@pytest.mark.usefixtures("figure_style")
def test_curves_of_classes_have_the_areas_of_mann_and_whitney_the_worst_first():
    predictions = multiclass_predictions()
    areas = {}
    for i, name in enumerate(predictions.spec.classes):
        p, of_class = predictions.prediction[:, i], predictions.target == i
        u = mannwhitneyu(p[of_class], p[~of_class]).statistic
        areas[name] = u / of_class.sum() / (~of_class).sum()
    legend = class_curves(predictions).axes[0].get_legend()
    labels = [text.get_text() for text in legend.get_texts()]
    assert labels == [f"{name} {areas[name]:.3f}" for name in sorted(areas, key=areas.get)]


@pytest.mark.parametrize("of_ones", [20, 50, 80, 100])
def test_certain_predictions_stand_in_the_calibration_curve_as_what_they_are(of_ones):
    p = np.repeat([0.0, 1.0], [100 - of_ones, of_ones])
    target = np.arange(100) % 4 == 0
    predictions = replace(binary_predictions(), ids=np.arange(100), target=target, prediction=p)
    table = calibration_table(predictions)
    points = [(value, (p == value).sum(), target[p == value].mean()) for value in np.unique(p)]
    assert table[["predicted", "n", "observed"]].to_numpy().tolist() == [[*row] for row in points]


@pytest.mark.parametrize(
    "predictions", [binary_predictions(300), multiclass_predictions()], ids=["binary", "multiclass"]
)
def test_confusion_and_calibration_by_weights_are_those_of_weighted_samples(predictions):
    weight = np.random.default_rng(0).choice([0.5, 1, 3], len(predictions.ids))
    weighted, p = replace(predictions, weight=weight), predictions.prediction
    predicted = p > 0.5 if p.ndim == 1 else p.argmax(1)
    expected = confusion_matrix(predictions.target, predicted, sample_weight=weight)
    np.testing.assert_allclose(confusion_table(weighted), expected)
    wrong = 1 - np.trace(expected) / expected.sum()
    assert weighted.mean_error == pytest.approx(wrong)
    tables = calibration_table(weighted), calibration_table(predictions)
    p = p if p.ndim == 1 else p.max(1)
    came = predictions.target if predicted.dtype == bool else predicted == predictions.target
    first = np.sort(p)[: int(tables[1]["n"].iloc[0])]
    inside = p <= first[-1]
    row = tables[0].iloc[0]
    assert row["observed"] == pytest.approx(np.average(came[inside], weights=weight[inside]))
    assert row["predicted"] == pytest.approx(np.average(p[inside], weights=weight[inside]))
    assert row["n"] < tables[1]["n"].iloc[0]
