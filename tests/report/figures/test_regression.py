"""The means of residuals, against those of scipy."""

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
