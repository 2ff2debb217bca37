"""Disagreement and correlation of errors, pair by pair."""

import numpy as np
import pytest
import torch

from lepton.ensemble.machinery.diversity import disagreement, error_correlation, mean_over_others

DRAW = np.random.default_rng(0)
BINARY, MULTI = DRAW.uniform(size=(3, 40)), DRAW.dirichlet([1, 1, 1], (3, 40))


@pytest.mark.parametrize(
    ("task", "p", "classes"),
    [
        ("binary", BINARY, BINARY > 0.5),
        ("multiclass", MULTI, MULTI.argmax(-1)),
        ("multilabel", MULTI, MULTI > 0.5),
    ],
)
def test_disagreement_is_the_share_of_other_classes(task, p, classes):
    shares = disagreement(torch.tensor(p), task).numpy()
    expected = [[(a != b).mean() for a in classes] for b in classes]
    np.testing.assert_allclose(shares, expected, atol=1e-12)


def test_errors_are_correlated_over_rows_and_classes():
    y = DRAW.integers(0, 3, 40)
    correlation = error_correlation(torch.tensor(MULTI), torch.tensor(y), "multiclass").numpy()
    np.testing.assert_allclose(correlation, np.corrcoef((MULTI - np.eye(3)[y]).reshape(3, -1)))
    values = DRAW.normal(size=40)
    correlation = error_correlation(
        torch.tensor(BINARY), torch.tensor(values), "regression"
    ).numpy()
    np.testing.assert_allclose(correlation, np.corrcoef(BINARY - values))
    assert disagreement(torch.tensor(BINARY), "regression") is None


def test_a_member_is_compared_with_the_others_alone():
    pairs = torch.tensor([[1.0, 0.2, 0.4], [0.2, 1.0, 0.6], [0.4, 0.6, 1.0]])
    np.testing.assert_allclose(mean_over_others(pairs), [0.3, 0.4, 0.5], rtol=1e-6)
    assert mean_over_others(pairs[:1, :1]) is None
