"""The Pareto front of cost and score, against a search over all pairs."""

import numpy as np
import pytest

from lepton.report.figures.training import pareto_front


@pytest.mark.parametrize(
    ("larger_is_better", "best_scores"), [(True, [3, 5, 9]), (False, [3, 2, 1])]
)
def test_the_front_holds_the_points_that_no_other_beats(larger_is_better, best_scores):
    costs, scores = np.array([1, 2, 2, 3, 4, 5.0]), np.array([3, 5, 2, 4, 9, 1.0])
    points = list(zip(costs, scores, strict=True))
    front = pareto_front(costs, scores, larger_is_better=larger_is_better)
    expected = [
        (cost, score)
        for cost, score in sorted(points)
        if not any(
            (c <= cost and (s > score if larger_is_better else s < score)) for c, s in points
        )
    ]
    assert front[1].tolist() == best_scores
    assert list(zip(*front, strict=True)) == expected
