"""Ensembles of members whose validation rows have weights: as if rows stood there so often."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from lepton.derived.inputs import read_input
from lepton.ensemble.combiner import ValidationPredictions
from lepton.ensemble.greedy import Greedy
from lepton.ensemble.machinery.diversity import disagreement, error_correlation
from lepton.ensemble.machinery.fitting import picked_member_score
from lepton.ensemble.machinery.pool import make_pool
from lepton.ensemble.stacking import Stacking
from lepton.ensemble.weighted import Weighted
from lepton.errors import ConfigError
from lepton.testing.members import made_up_members

TASKS = ("binary", "multiclass", "multilabel", "regression")


def members(task) -> tuple[ValidationPredictions, ValidationPredictions, torch.Tensor]:
    """Made-up members with weights of rows, the same with repeated rows, and the weights."""
    plain, _ = made_up_members(task)
    generator = torch.Generator().manual_seed(0)
    counts = torch.randint(0, 4, (plain.prediction.shape[1],), generator=generator)
    rows = torch.arange(len(counts)).repeat_interleave(counts)
    weighted = replace(plain, scorer=replace(plain.scorer, weight=counts.double()))
    repeated = replace(plain, prediction=plain.prediction[:, rows], target=plain.target[rows])
    return weighted, repeated, counts


def methods(task):
    options = {"size": 8, "initial": 1, "bags": 1, "bag_share": 1.0, "library": 50}
    yield Greedy(task=task, **options), 0.0
    yield Weighted(task=task, penalty=0.0, max_iter=200, library=50), 5e-3
    stack = {"learns_from": "val", "c": 1.0, "trees": 5, "learning_rate": 0.1, "leaves": 3}
    yield Stacking(task=task, model="linear", **stack), 5e-3


@pytest.mark.parametrize("task", TASKS)
def test_methods_choose_by_whole_weights_as_by_repeated_rows(task):
    weighted, repeated, _ = members(task)
    for method, tolerance in methods(task):
        by_weights, expected = method.fit(weighted), method.fit(repeated)
        torch.testing.assert_close(by_weights, expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize("task", TASKS)
def test_scores_and_diversity_are_those_of_repeated_rows(task):
    weighted, repeated, counts = members(task)
    for member in range(len(weighted.prediction)):
        score = weighted.scorer(weighted.prediction[member], weighted.target)
        expected = repeated.scorer(repeated.prediction[member], repeated.target)
        assert score == pytest.approx(expected, rel=1e-6)
    correlation = error_correlation(weighted.prediction, weighted.target, task, counts)
    expected = error_correlation(repeated.prediction, repeated.target, task)
    torch.testing.assert_close(correlation, expected)
    if task != "regression":
        torch.testing.assert_close(
            disagreement(weighted.prediction, task, counts),
            disagreement(repeated.prediction, task),
        )


def test_some_of_the_rows_are_scored_by_their_own_weights():
    weighted, _, counts = members("binary")
    mask = torch.arange(len(counts)) % 2 == 0
    some = weighted.rows(mask)
    assert some.weight is not None
    assert some.weight.equal(counts[mask].double())
    expected = some.scorer.scored_task.score_rows(some.prediction[0], some.target, counts[mask])
    metric = some.scorer.metric
    assert some.scorer(some.prediction[0], some.target) == pytest.approx(-expected[metric])
    with pytest.raises(ConfigError, match=r"take validation\.rows\(mask\) and its scorer"):
        weighted.scorer(some.prediction[0], some.target)
    assert np.isfinite(picked_member_score(weighted, 3))


def test_members_whose_rows_have_other_weights_cannot_join(study):
    runs = [read_input(folder) for folder in study("binary")[:2]]
    splits = {
        name: replace(split, weight=torch.ones(len(split.ids)))
        for name, split in runs[0].splits.items()
    }
    with pytest.raises(ConfigError, match="differ in their weights of validation rows"):
        make_pool([replace(runs[0], splits=splits), runs[1]], None, across_folds=False)
