"""scikit-learn's linear heads as weights, and the choice among them."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from lepton.dataset.split.row_folds import row_folds
from lepton.example import make_target_spec
from lepton.finetune.machinery.linear_head import TrainingFeatures
from lepton.finetune.machinery.linear_probe_baseline import ProbeSettings, linear_probe
from lepton.finetune.machinery.probing import begin_with
from lepton.task import task_for

SETTINGS = ProbeSettings([0.01, 1.0, 100.0], 2000)


def make_task(name):
    return task_for(make_target_spec(name), class_weights=None, monitor=None)


def make_rows(rows, columns=6, classes=3, seed=0):
    """Features of unequal scales, and the classes that some of them tell."""
    generator = np.random.default_rng(seed)
    features = generator.normal(size=(rows, columns)) * np.arange(1, columns + 1) + 4
    noisy = features[:, :classes] + generator.normal(size=(rows, classes))
    return features, noisy.argmax(1)


def fitted(features, y, task_name, *, standardize=True, strength=0.5):
    task = make_task(task_name)
    rows = TrainingFeatures(features, y, None, standardize=standardize)
    return rows.head(task, strength, 5000), task


@pytest.mark.parametrize("rows", [60, 9])  # fewer than columns, too
@pytest.mark.parametrize("standardize", [True, False])
def test_a_head_predicts_as_scikit_learns_pipeline(rows, standardize):
    features, y = make_rows(rows + 20, columns=12)
    head, task = fitted(features[:rows], y[:rows], "multiclass", standardize=standardize)
    regression = LogisticRegression(C=0.5, max_iter=5000)
    pipeline = make_pipeline(StandardScaler() if standardize else None, regression)
    pipeline.fit(features[:rows], y[:rows])
    expected = np.zeros((20, 3))
    expected[:, pipeline.classes_] = pipeline.predict_proba(features[rows:])
    predicted = head.predict(features[rows:], task)
    np.testing.assert_allclose(predicted.numpy(), expected, atol=2e-3)


def test_a_feature_that_hardly_varies_gets_no_weight():
    rows = 60
    features, y = make_rows(rows)
    dead = np.random.default_rng(1).normal(size=(rows, 1)) * 1e-32
    whole = np.concatenate([features, dead, np.ones((rows, 1))], 1)
    head, task = fitted(whole, y, "multiclass")
    alone, _ = fitted(features, y, "multiclass")
    assert np.abs(head.weight[:, -2:]).max() < 1e-6
    predicted, expected = head.predict(whole, task), alone.predict(features, task)
    torch.testing.assert_close(predicted, expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("present", [[0, 1, 2], [0, 2], [1]])
def test_a_class_without_a_row_has_no_chance_and_as_a_start_a_small_one(present):
    features, y = make_rows(200)
    seen = np.isin(y, present)
    head, task = fitted(features[seen], y[seen], "multiclass")
    missing = [name for name in range(3) if name not in present]
    assert (head.predict(features, task)[:, missing] == 0).all()
    model = nn.Module()
    model.head = nn.Linear(6, 3)
    model.layers = lambda: ["head"]
    assert begin_with(head, model, task)
    begun = model.head(torch.from_numpy(features).float()).softmax(1)
    assert (begun[:, missing] > 0).all()
    assert (begun[:, missing] < 1e-4).all()
    np.testing.assert_allclose(
        begun.detach().numpy(), head.predict(features, task).numpy(), atol=1e-4
    )


def test_of_two_classes_and_of_labels_one_logit_is_fitted_each():
    features, y = make_rows(100, classes=4)
    labels = np.stack([y == 0, y == 1, np.zeros(100), np.ones(100)], 1).astype(float)
    head, task = fitted(features, labels, "multilabel")
    predicted = head.predict(features, task).numpy()
    assert (predicted[:, 2] == 0).all()
    assert (predicted[:, 3] == 1).all()
    for label in (0, 1):
        pipeline = make_pipeline(StandardScaler(), LogisticRegression(C=0.5, max_iter=5000))
        expected = pipeline.fit(features, labels[:, label]).predict_proba(features)[:, 1]
        np.testing.assert_allclose(predicted[:, label], expected, atol=1e-3)
        alone, binary = fitted(features, labels[:, label], "binary")
        np.testing.assert_allclose(alone.predict(features, binary).numpy(), expected, atol=1e-3)
    begun = head.to_learn_on(task)
    assert np.isfinite(begun.bias).all()
    assert np.sign(begun.bias[2:]).tolist() == [-1, 1]


def splits_of(rows, task_name="multiclass", seed=0):
    features, y = make_rows(rows, columns=20, seed=seed)
    target = torch.from_numpy(y)
    if task_name == "binary":
        target = (target == 0).float()
    return {"features": torch.from_numpy(features).float(), "target": target}


@pytest.mark.slow
@pytest.mark.parametrize("task_name", ["multiclass", "binary"])
def test_folds_of_the_training_rows_choose_as_scikit_learns_search_does(task_name, cache):
    splits = {"train": splits_of(90, task_name), "test": splits_of(50, task_name, seed=1)}
    task = make_task(task_name)
    x, y = splits["train"]["features"].double().numpy(), splits["train"]["target"].numpy()
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    positions = row_folds(y, 5, by_class=True, groups=None, seed=0)
    probe = linear_probe(splits, task, "a name", SETTINGS, folds=positions)
    pipeline = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
    grid = {"logisticregression__C": SETTINGS.strengths, "standardscaler": [StandardScaler(), None]}
    search = GridSearchCV(pipeline, grid, scoring="neg_log_loss", cv=folds).fit(x, y)
    assert probe.metrics["val/log_loss"] == pytest.approx(-search.best_score_, rel=5e-3)
    out_of_fold = cross_val_predict(search.best_estimator_, x, y, cv=folds)
    assert probe.metrics["val/accuracy"] == pytest.approx((out_of_fold == y).mean(), abs=0.012)
    x_test, y_test = (splits["test"][n].double().numpy() for n in ("features", "target"))
    expected = search.best_estimator_.score(x_test, y_test)
    assert probe.metrics["test/accuracy"] == pytest.approx(expected, abs=0.021)


@pytest.mark.slow
def test_a_probe_is_read_from_the_cache_as_it_was_made(cache):
    splits = {"train": splits_of(40), "val": splits_of(30, seed=1)}
    task = make_task("multiclass")
    first, second = (linear_probe(splits, task, "a name", SETTINGS) for _ in range(2))
    assert len([*(cache / "linear_probes").iterdir()]) == 1
    assert first.metrics == second.metrics
    assert np.array_equal(first.head.weight, second.head.weight)
    assert np.array_equal(first.head.bias, second.head.bias)
    folds = np.array_split(np.arange(40), 3)
    by_folds = linear_probe(splits, task, "a name", SETTINGS, folds=folds)
    assert by_folds.metrics["val/log_loss"] != first.metrics["val/log_loss"]
    assert len([*(cache / "linear_probes").iterdir()]) == 2


@pytest.mark.slow
def test_a_class_with_a_single_row_is_no_matter_for_folds(cache):
    splits = {"train": splits_of(40)}
    splits["train"]["target"][splits["train"]["target"] == 2] = 1
    splits["train"]["target"][7] = 2
    task = make_task("multiclass")
    target = splits["train"]["target"].numpy()
    folds = row_folds(target, 5, by_class=True, groups=None, seed=0)
    assert np.isfinite(linear_probe(splits, task, "x", SETTINGS, folds=folds).head.weight).all()
