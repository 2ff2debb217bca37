"""The losses that order mistakes."""

import numpy as np

from tests.report.samples import multiclass_predictions


def test_losses_order_mistakes_as_their_likelihoods_do():
    predictions = multiclass_predictions()
    likelihoods = predictions.prediction[np.arange(300), predictions.target]
    by_loss = np.argsort(-predictions.losses, kind="stable")
    assert by_loss.tolist() == np.argsort(likelihoods, kind="stable").tolist()
