"""The means of residuals, against those of scipy."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binned_statistic

from lepton.report.figures.regression import residual_means
from tests.report.samples import regression_predictions


def test_residual_means_are_those_of_ten_bins_of_the_prediction():
    predictions = regression_predictions()
    edges = np.percentile(predictions.prediction, np.arange(0, 101, 10))
    residuals = predictions.target - predictions.prediction
    expected = binned_statistic(predictions.prediction, residuals, bins=edges).statistic
    means = residual_means(predictions)["residual"].to_numpy()
    assert means == pytest.approx(expected, abs=0.02)


def test_residual_means_by_weights_are_those_of_weighted_samples():
    predictions = regression_predictions()
    weight = np.random.default_rng(0).exponential(size=len(predictions.ids))
    means = residual_means(replace(predictions, weight=weight))["residual"]
    lowest = np.argsort(predictions.prediction)[: len(predictions.ids) // 10]
    residuals = (predictions.target - predictions.prediction)[lowest]
    assert means.iloc[0] == pytest.approx(np.average(residuals, weights=weight[lowest]))
