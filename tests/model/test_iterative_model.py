"""Trees whose iterations folds choose: held against the libraries, called by hand."""

import catboost
import lightgbm
import numpy as np
import pandas as pd
import pytest
import torch
import xgboost
from sklearn.ensemble import HistGradientBoostingClassifier

from lepton.storage import run_log

pytestmark = pytest.mark.filterwarnings("ignore:The argument .eval_set. is deprecated")
KEYS = {"catboost": "iterations", "gradient_boosting": "max_iter"}
MOST, PATIENCE = 60, 15
FOLDS = np.array_split(np.random.default_rng(0).permutation(300), 3)


def frame_of(rows):
    frame = pd.DataFrame(rows["num"].numpy(), columns=["a", "b"])
    return frame.assign(c=pd.Categorical(rows["cat"][:, 0].numpy(), categories=range(6)))


def estimator(library, iterations, **settings):
    if library == "catboost":
        still = {"allow_writing_files": False, "verbose": False, "thread_count": 1}
        still |= {"cat_features": ["c"], "random_seed": 0}
        return catboost.CatBoostClassifier(iterations=iterations, **still, **settings)
    if library == "lightgbm":
        still = {"n_jobs": 1, "verbosity": -1, "deterministic": True}
        return lightgbm.LGBMClassifier(n_estimators=iterations, **still, **settings)
    if library == "xgboost":
        return xgboost.XGBClassifier(n_estimators=iterations, enable_categorical=True, n_jobs=1)
    kind = HistGradientBoostingClassifier
    return kind(max_iter=iterations, random_state=0, categorical_features=[2], **settings)


def fitted(library, rows, iterations, held_out=None, **settings):
    """By hand: a library's own estimator, and its losses on rows that are held out."""
    x, y = table_of(library, rows), rows["target"].numpy()
    losses = []
    if library == "gradient_boosting":
        more = {} if held_out is None else {"n_iter_no_change": iterations}
        model = estimator(library, iterations, early_stopping=held_out is not None, **more)
        if held_out is not None:
            val = (table_of(library, held_out), held_out["target"].numpy())
            losses = -model.fit(x, y, X_val=val[0], y_val=val[1]).validation_score_[1:]
        else:
            model.fit(x, y)
        return model, losses
    model = estimator(library, iterations, **settings)
    if held_out is None:
        return model.fit(x, y), losses
    val = [(table_of(library, held_out), held_out["target"].numpy())]
    quiet = {"verbose": False} if library == "xgboost" else {}
    model.fit(x, y, eval_set=val, **quiet)
    results = model.evals_result_ if library != "xgboost" else model.evals_result()
    [by_name] = [of_set for name, of_set in results.items() if name != "learn"]
    return model, next(iter(v for k, v in by_name.items() if "og" in k))


def table_of(library, rows):
    if library == "gradient_boosting":
        return np.column_stack([rows["num"].double(), rows["cat"]])
    frame = frame_of(rows)
    return frame.astype({"c": int}) if library == "catboost" else frame


def some(rows, places):
    return {name: values[places.tolist()] for name, values in rows.items()}


@pytest.fixture(params=["catboost", "lightgbm", "xgboost", "gradient_boosting"])
def library(request):
    return request.param


@pytest.fixture
def noisy(tree_data):
    """Rows of which a fifth have the other class, so that many trees overfit."""
    spec, train, _, test = tree_data("binary", lowest=2)
    flipped = torch.from_numpy(np.random.default_rng(1).random(300) < 0.2)
    train["target"] = torch.where(flipped, 1 - train["target"], train["target"])
    return spec, train, test


def inside(build, library, spec, train, **changes):
    """Models that are fitted to all rows, and to those of each fold, after three were fitted to
    the folds and validated."""
    keys = {KEYS.get(library, "n_estimators"): MOST, "patience": MOST, **changes}
    folds = [build(library, spec, **keys) for _ in FOLDS]
    parts = [some(train, np.setdiff1d(np.arange(300), held_out)) for held_out in FOLDS]
    for fold, part, held_out in zip(folds, parts, FOLDS, strict=True):
        fold.fit(part, some(train, held_out))
    whole, *others = (build(library, spec, **keys) for _ in range(len(FOLDS) + 1))
    for model, rows in zip((whole, *others), (train, *parts), strict=True):
        model.fit_whole(rows, None, folds)
    return whole, others


@pytest.mark.slow
def test_all_learn_as_long_as_is_best_for_what_folds_hold_out(noisy, build, library):
    spec, train, test = noisy
    whole, folds = inside(build, library, spec, train)
    parts = [some(train, np.setdiff1d(np.arange(300), held_out)) for held_out in FOLDS]
    by_hand = [
        fitted(library, part, MOST, some(train, held_out))
        for part, held_out in zip(parts, FOLDS, strict=True)
    ]
    count = int(np.mean([losses for _, losses in by_hand], axis=0).argmin()) + 1
    assert 1 < count < MOST, "neither the first nor the last, or this says nothing"
    settings = {}
    if library == "catboost":
        rates = [model.get_all_params()["learning_rate"] for model, _ in by_hand]
        settings = {"learning_rate": np.mean(rates)}
    for model, rows in zip((whole, *folds), (train, *parts), strict=True):
        again, _ = fitted(library, rows, count, **settings)
        expected = again.predict_proba(table_of(library, test))[:, 1]
        np.testing.assert_allclose(model.predict(test).numpy(), expected, rtol=2e-4, atol=2e-4)


def test_a_fold_that_stopped_early_may_learn_longer_for_the_others(noisy, build):
    spec, train, _ = noisy
    held_out = FOLDS[0]
    learned, rest = some(train, np.setdiff1d(np.arange(300), held_out)), some(train, held_out)
    keys = {"n_estimators": MOST, "patience": 5}
    short, whole, *others = (build("lightgbm", spec, **keys) for _ in range(8))
    short.fit(learned, {**rest, "target": 1 - rest["target"]})  # where every tree is one too many
    for model in others:
        model.fit(learned, rest)
    curve, long = short.val_losses(), np.array(others[0].val_losses())
    held = np.array(curve + curve[-1:] * (len(long) - len(curve)))
    best = int((held + 6 * long).argmin())
    whole.fit_whole(train, None, [short, *others])
    assert len(curve) == 6 < best
    assert (len(whole.history), whole.best_epoch) == (best + 1, best)
    assert [row["val/loss"] for row in whole.history] == pytest.approx(
        held[: best + 1] / 7 + 6 / 7 * long[: best + 1]
    )


@pytest.mark.slow
@pytest.mark.parametrize("library", ["lightgbm", "xgboost"])
def test_where_all_iterations_count_folds_choose_none(noisy, build, library):
    spec, train, test = noisy
    whole, folds = inside(build, library, spec, train, patience=None)
    again, _ = fitted(library, train, MOST)
    expected = again.predict_proba(table_of(library, test))[:, 1]
    np.testing.assert_allclose(whole.predict(test).numpy(), expected, rtol=2e-4, atol=2e-4)
    assert all(len(fold.history) == MOST for fold in folds)


@pytest.mark.parametrize("key", ["min_samples_leaf", "min_child_samples"])
def test_rows_that_no_leaf_can_share_are_told(noisy, build, key, caplog, monkeypatch):
    monkeypatch.setattr(run_log, "SHOWN_LINES", set())
    spec, train, test = noisy
    library = {"min_samples_leaf": "gradient_boosting", "min_child_samples": "lightgbm"}[key]
    few = some(train, np.arange(39))
    for size, is_told in ((19, False), (20, True)):
        caplog.clear()
        model = build(library, spec, **{key: size})
        with caplog.at_level("INFO"):
            model.fit(few, test)
        assert (f"model.{key}=20: a split takes 40 rows" in caplog.text) == is_told
        assert (len(model.predict(test).unique()) == 1) == is_told


@pytest.mark.slow
@pytest.mark.parametrize("task", ["multiclass", "multilabel", "regression"])
def test_other_tasks_are_fitted_to_all_rows_too(task, tree_data, build, library, tmp_path):
    spec, train, _, test = tree_data(task, lowest=2)
    whole, folds = inside(build, library, spec, train)
    whole.save(tmp_path)
    loaded = build(library, spec)
    loaded.load(tmp_path)
    predicted = whole.predict(test)
    torch.testing.assert_close(loaded.predict(test), predicted)
    assert torch.isfinite(predicted).all()
    assert not torch.allclose(predicted, folds[0].predict(test))
