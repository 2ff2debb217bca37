"""Honest validation scores: a row never sees weights that its own target chose."""

import numpy as np
import pytest
import torch
from sklearn.metrics import log_loss

from lepton import build
from lepton.derived.inputs import find_inputs
from lepton.ensemble.combiner import ValidationPredictions
from lepton.ensemble.machinery.fitting import assign_folds, fit_ensemble, picked_member_score
from lepton.ensemble.machinery.pool import make_pool
from tests.ensemble.conftest import compose_ensemble as compose

LEARNING = ["method=weighted", "method=greedy", "method=stacking"]


def make_method_and_pool(folders, *overrides):
    config = compose(f"runs=[{','.join(map(str, folders))}]", *overrides)
    method = build.instantiate(config["method"], "ensemble", task="binary")
    members = find_inputs(config["runs"], command="ensemble").inputs
    pool = make_pool(members, None, across_folds=method.across_folds)
    return method, pool


def validation_of(pool, target=None):
    val = pool.splits["val"]
    target = val.target if target is None else target
    return ValidationPredictions(
        val.prediction, target, pool.scorer, [1] * len(pool), None, None, 0
    )


@pytest.mark.slow
@pytest.mark.parametrize("override", LEARNING)
def test_targets_of_a_fold_do_not_move_its_own_predictions(study, override, monkeypatch):
    method, pool = make_method_and_pool(study("binary"), override)
    validation = validation_of(pool)
    folds = assign_folds(validation.target, 5, 0)
    monkeypatch.setattr("lepton.ensemble.machinery.fitting.assign_folds", lambda *_: folds)
    before = fit_ensemble(method, pool, validation, 5).predictions["val"]
    other = torch.where(folds == 2, 1 - validation.target, validation.target)
    after = fit_ensemble(method, pool, validation_of(pool, other), 5).predictions["val"]
    assert torch.equal(before[folds == 2], after[folds == 2])
    assert not torch.equal(before[folds != 2], after[folds != 2])


@pytest.mark.slow
def test_targets_of_a_fold_do_not_move_its_test_predictions(study):
    overrides = ["method=stacking", "method.learns_from=out_of_fold"]
    method, pool = make_method_and_pool(study("folds"), *overrides)
    ids = pool.splits["val"].ids
    tested = pool.entries[0].members[1].splits["test"].ids
    mine = torch.isin(pool.splits["test"].ids, tested)
    before = fit_ensemble(method, pool, validation_of(pool), 5).predictions["test"]
    target = pool.splits["val"].target
    other = torch.where(torch.isin(ids, tested), 1 - target, target)
    after = fit_ensemble(method, pool, validation_of(pool, other), 5).predictions["test"]
    assert torch.isin(ids, tested).any()
    assert torch.equal(before[mine], after[mine])
    assert not torch.equal(before[~mine], after[~mine])


@pytest.mark.slow
def test_a_stack_is_scored_worse_than_on_the_rows_it_learned(study):
    overrides = ["method=stacking", "method.model=boosted", "method.trees=200", "method.leaves=8"]
    method, pool = make_method_and_pool(study("binary"), *overrides, "method.learning_rate=0.3")
    fitted = fit_ensemble(method, pool, validation_of(pool), 5)
    val = pool.splits["val"]
    flattered = method.combine(val.prediction, fitted.weights)
    assert (
        pool.scorer(flattered, val.target)
        > pool.scorer(fitted.predictions["val"], val.target) + 0.1
    )


@pytest.mark.slow
@pytest.mark.parametrize("override", ["method=mean", "method=median", "method=stacking"])
def test_contribution_is_the_score_minus_that_of_the_ensemble_without(study, override):
    folders = study("binary")
    method, pool = make_method_and_pool(folders, override)
    fitted = fit_ensemble(method, pool, validation_of(pool), 5)
    score = pool.scorer(fitted.predictions["val"], pool.splits["val"].target)
    for entry in fitted.used:
        others = [folder for folder in folders if folder.name != pool.entries[entry].name]
        method, smaller = make_method_and_pool(others, override)
        predictions_without = fit_ensemble(method, smaller, validation_of(smaller), 5).predictions[
            "val"
        ]
        expected = score - pool.scorer(predictions_without, pool.splits["val"].target)
        assert fitted.contribution[entry].item() == pytest.approx(expected, abs=1e-6)
    assert len(fitted.used) == 4


@pytest.mark.parametrize("count", [2, 5])
def test_folds_are_even_in_size_and_in_classes(count):
    target = torch.tensor(np.random.default_rng(0).integers(0, 3, 103))
    folds = assign_folds(target, count, 0)
    sizes = folds.bincount()
    assert sizes.max() - sizes.min() <= 1
    for value in range(3):
        class_sizes = folds[target == value].bincount(minlength=count)
        assert class_sizes.max() - class_sizes.min() <= 1
    assert not torch.equal(folds, assign_folds(target, count, 1))
    assert torch.equal(folds, assign_folds(target, count, 0))


def test_the_best_member_is_also_scored_by_rows_that_did_not_pick_it(study):
    _, pool = make_method_and_pool(study("binary"), "method=mean")
    validation = validation_of(pool)
    folds = assign_folds(validation.target, 5, 0)
    picked = np.empty(len(folds))
    for fold in range(5):
        inside = (folds == fold).numpy()
        y, p = validation.target.numpy(), validation.prediction.numpy()
        losses = [log_loss(y[~inside], member[~inside]) for member in p]
        picked[inside] = p[int(np.argmin(losses))][inside]
    assert picked_member_score(validation, 5) == pytest.approx(
        -log_loss(validation.target.numpy(), picked)
    )
