"""Trees of CatBoost, LightGBM and XGBoost are those that each library fits when called by hand."""

import json
from functools import partial

import catboost
import lightgbm
import numpy as np
import pandas as pd
import pytest
import torch
import xgboost

from lepton.config.check import check
from lepton.config.compose import compose
from lepton.errors import ConfigError, Damaged

LIBRARIES = ["catboost", "lightgbm", "xgboost"]
SHORT = {"catboost": {"iterations": 25}, "lightgbm": {"n_estimators": 25}}
SHORT["xgboost"] = SHORT["lightgbm"]
DRAWN = {
    "catboost": {"rsm": 0.5},
    "lightgbm": {"subsample": 0.5, "subsample_freq": 1},
    "xgboost": {"subsample": 0.5},
}


@pytest.fixture(params=LIBRARIES)
def library(request):
    return request.param


@pytest.fixture
def make(build, library):
    def make(spec, **changes):
        return build(library, spec, **{**SHORT[library], **changes})

    return make


@pytest.fixture
def data(tree_data):
    return partial(tree_data, lowest=2)  # codes of categories that training had


def frame_of(batch):
    """Numbers and a category, as each library's own interface for DataFrames takes them."""
    frame = pd.DataFrame(batch["num"].numpy(), columns=["a", "b"])
    codes = batch["cat"][:, 0].numpy()
    return frame.assign(c=pd.Categorical(codes, categories=range(6)))


def by_hand(library, task, train, val, test, *, label=None):
    """What the library's own estimator predicts, at its defaults but for the rounds."""
    x, x_val, x_test = map(frame_of, (train, val, test))
    y, y_val = (rows["target"].numpy() for rows in (train, val))
    if label is not None:
        y, y_val = y[:, label], y_val[:, label]
    numbers = task == "regression"
    if library == "xgboost":
        kind = xgboost.XGBRegressor if numbers else xgboost.XGBClassifier
        model = kind(n_estimators=25, enable_categorical=True, n_jobs=1).fit(x, y)
    elif library == "lightgbm":
        kind = lightgbm.LGBMRegressor if numbers else lightgbm.LGBMClassifier
        model = kind(n_estimators=25, n_jobs=1, verbosity=-1, deterministic=True).fit(x, y)
    else:
        kind = catboost.CatBoostRegressor if numbers else catboost.CatBoostClassifier
        model = kind(iterations=25, random_seed=0, thread_count=1, allow_writing_files=False)
        x, x_val, x_test = (rows.astype({"c": int}) for rows in (x, x_val, x_test))
        model.fit(x, y, eval_set=(x_val, y_val), cat_features=["c"], verbose=False)
    return model.predict(x_test) if numbers else model.predict_proba(x_test)


@pytest.mark.slow
@pytest.mark.parametrize("task", ["binary", "multiclass", "multilabel", "regression"])
def test_predictions_equal_those_of_the_librarys_own_estimator(task, library, data, make):
    spec, train, val, test = data(task)
    model = make(spec)
    model.fit(train, val)
    if task == "multilabel":
        columns = [by_hand(library, task, train, val, test, label=i)[:, 1] for i in range(4)]
        expected = np.stack(columns, 1)
    else:
        expected = by_hand(library, task, train, val, test)
        expected = expected[:, 1] if task == "binary" else expected
    tolerance = {"rtol": 2e-4, "atol": 2e-4}
    np.testing.assert_allclose(model.predict(test).numpy(), expected, **tolerance)


def test_trees_stop_by_validation_and_go_back_to_the_best_iteration(data, make):
    spec, train, val, _ = data("binary")
    train["target"] = train["target"].roll(1)  # nothing to learn: every tree overfits
    model = make(spec, patience=5)
    model.fit(train, val)
    losses = [row["val/loss"] for row in model.history]
    assert len(losses) < 25
    assert model.best_epoch == int(np.argmin(losses))
    loss = torch.nn.functional.binary_cross_entropy(model.predict(val), val["target"])
    assert loss == pytest.approx(min(losses), rel=1e-4)


def test_the_history_of_numbers_is_in_the_targets_unit(data, make):
    spec, train, val, _ = data("regression")
    spec = type(spec)(**{**vars(spec), "target_mean": 100.0, "target_std": 12.0})
    model = make(spec)
    model.fit(train, val)
    last = (model.predict(val) - val["target"]).square().mean().sqrt()
    assert model.history[model.best_epoch]["val/loss"] == pytest.approx(float(last), rel=1e-4)
    assert model.history[-1]["train/loss"] < model.history[0]["train/loss"]


def test_class_weights_raise_the_odds_of_their_class_by_as_much(data, make):
    spec, train, val, _ = data("binary")
    for seed, rows in enumerate((train, val)):  # nothing to learn but the share of the class
        g = torch.Generator().manual_seed(seed)
        rows["num"], rows["cat"] = torch.zeros_like(rows["num"]), torch.full_like(rows["cat"], 2)
        rows["num"][0] = 1.0
        rows["target"] = (torch.rand(len(rows["target"]), generator=g) < 0.3).float()
    odds = []
    for weights in (None, torch.tensor([1.0, 4.0])):
        model = make(spec, learning_rate=0.3)
        model.fit(train, val, weights)
        share = model.predict(train).double().median()
        odds.append(float(share / (1 - share)))
    assert odds[1] / odds[0] == pytest.approx(4, rel=0.3)


def test_what_was_missing_is_missing_to_the_trees(make_spec, make):
    spec = make_spec("binary", 2, (6,))
    spec = type(spec)(**{**vars(spec), "num_features": ("a", "a is missing")})
    g = torch.Generator().manual_seed(0)
    is_missing = torch.rand(400, generator=g) < 0.4
    numbers = torch.randn(400, generator=g).masked_fill(is_missing, 0.0)
    batch = {
        "num": torch.stack([numbers, is_missing.float()], 1),
        "cat": torch.randint(0, 6, (400, 1), generator=g),
        "target": is_missing.float(),
    }
    model = make(spec)
    model.fit(batch, batch)
    assert model.features.names == ["a", "c0"]
    assert np.isnan(model.features.matrix(batch)[:, 0]).tolist() == is_missing.tolist()
    predicted = model.predict(batch)
    assert predicted[is_missing].min() > predicted[~is_missing].max()


def test_a_number_that_training_always_had_may_be_missing_later(make_spec, make):
    spec = make_spec("regression", 2, ())
    spec = type(spec)(**{**vars(spec), "num_features": ("a", "a is missing")})
    train = {"num": torch.stack([torch.randn(200), torch.zeros(200)], 1)}
    train["target"] = train["num"][:, 0]
    model = make(spec)
    model.fit(train, train)
    assert model.predict({"num": torch.tensor([[0.0, 1.0]])}).isfinite().all()


def test_a_category_that_training_never_showed_is_predicted(data, make):
    spec, train, val, test = data("multiclass")
    model = make(spec)
    model.fit(train, val)
    test["cat"] = torch.ones_like(test["cat"])
    assert model.predict(test).isfinite().all()


def test_the_seed_decides_what_is_drawn(library, data, make):
    spec, train, val, test = data("binary")
    results = []
    for seed in (1, 1, 2):
        model = make(spec, **DRAWN[library], seed=seed)
        model.fit(train, val)
        results.append(model.predict(test))
    assert torch.equal(results[0], results[1])
    assert not torch.equal(results[0], results[2])


@pytest.mark.slow
@pytest.mark.parametrize("task", ["multiclass", "multilabel", "regression"])
def test_a_saved_model_predicts_the_same(task, data, make, tmp_path):
    spec, train, val, test = data(task)
    if task == "multilabel":
        train["target"][:, 0] = 1.0  # a label that never varies has no trees
    model, restored = make(spec), make(spec)
    model.fit(train, val)
    model.save(tmp_path)
    restored.load(tmp_path)
    assert torch.equal(restored.predict(test), model.predict(test))
    if task == "multilabel":
        assert (restored.predict(test)[:, 0] == 1).all()


def test_a_class_that_training_lacks_gets_no_probability(data, make):
    spec, train, val, test = data("multiclass")
    train["target"][train["target"] == 1] = 2
    model = make(spec)
    model.fit(train, val)
    predicted = model.predict(test)
    assert predicted.shape == (60, 3)
    assert (predicted[:, 1] == 0).all()
    torch.testing.assert_close(predicted.sum(1), torch.ones(60))


def test_importances_are_shares_and_name_the_columns_that_decide(data, make, tmp_path):
    spec, train, val, _ = data("regression")
    train["num"][:, 1] = 0.0  # decides nothing
    model = make(spec)
    model.fit(train, val)
    model.save(tmp_path)
    table = pd.read_csv(tmp_path / "model.importance.csv", index_col="feature")["gain"]
    assert table.sum() == pytest.approx(1)
    assert table.index[0] == "n0"
    assert table["n1"] == 0


def test_files_that_hold_something_else_are_named(library, data, make, tmp_path):
    spec, train, val, _ = data("binary")
    model = make(spec)
    model.fit(train, val)
    model.save(tmp_path)
    (trees,) = tmp_path.glob("model.0.*")
    trees.write_bytes(b"no trees")
    with pytest.raises(Damaged, match=rf"{trees.name}: not trees of {library}"):
        make(spec).load(tmp_path)
    (tmp_path / "model.json").write_text(json.dumps([1]))
    with pytest.raises(Damaged, match=r"model\.json: not the classes of boosted trees"):
        make(spec).load(tmp_path)


def test_a_value_that_the_library_refuses_is_one_line(build, data):
    spec, train, val, _ = data("binary")
    with pytest.raises(ConfigError, match=r"model: catboost says: .*[Dd]epth") as caught:
        build("catboost", spec, depth=40).fit(train, val)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("depth", [-5, 0])
def test_a_depth_that_no_tree_has_is_refused(depth):
    with pytest.raises(ConfigError, match=rf"max_depth: {depth} is not one of -1 or int, 1 at"):
        check(compose("dataset=wine", "model=lightgbm", f"model.max_depth={depth}"))
