import numpy as np
import pytest
import skops.io
import torch
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from lepton.errors import LeptonError

FAST = {"max_iter": 30, "patience": 5}
BY_HAND = {
    "max_iter": 30,
    "n_iter_no_change": 5,
    "early_stopping": True,
    "random_state": 0,
    "categorical_features": [2],
}


@pytest.fixture
def data(tree_data):
    return tree_data


def matrix(batch):
    return np.column_stack([batch["num"].double(), batch["cat"]])


def best_stage(model, stages):
    return list(stages)[int(np.argmin(-model.validation_score_[1:]))]


@pytest.mark.slow
@pytest.mark.parametrize("task", ["binary", "multiclass", "multilabel", "regression"])
def test_predictions_equal_scikit_learns_called_by_hand(task, data, build):
    spec, train, val, test = data(task)
    model = build("gradient_boosting", spec, **FAST)
    model.fit(train, val)
    x, x_val, x_test = map(matrix, (train, val, test))
    y, y_val = train["target"].numpy(), val["target"].numpy()
    if task == "regression":
        by_hand = HistGradientBoostingRegressor(**BY_HAND).fit(x, y, X_val=x_val, y_val=y_val)
        expected = best_stage(by_hand, by_hand.staged_predict(x_test))
    else:
        probabilities = []
        for i in range(y.shape[1]) if task == "multilabel" else [...]:
            y_i, y_val_i = (y[:, i], y_val[:, i]) if task == "multilabel" else (y, y_val)
            by_hand = HistGradientBoostingClassifier(**BY_HAND)
            by_hand.fit(x, y_i, X_val=x_val, y_val=y_val_i)
            probabilities.append(best_stage(by_hand, by_hand.staged_predict_proba(x_test)))
        positive = [p[:, 1] for p in probabilities]
        expected = {
            "binary": positive[0],
            "multiclass": probabilities[0],
            "multilabel": np.stack(positive, 1),
        }[task]
    np.testing.assert_allclose(model.predict(test).numpy(), expected, rtol=1e-6)


def test_the_prediction_is_of_the_lowest_validation_loss(data, build):
    spec, train, val, _ = data("binary")
    train["target"] = train["target"].roll(1)  # nothing to learn: every tree overfits
    model = build("gradient_boosting", spec, **FAST)
    model.fit(train, val)
    loss = torch.nn.functional.binary_cross_entropy(model.predict(val), val["target"])
    stages = model.models[0].staged_predict_proba(matrix(val))
    others = [
        torch.nn.functional.binary_cross_entropy(torch.tensor(p[:, 1]).float(), val["target"])
        for p in stages
    ]
    assert len(others) > 1
    assert loss == pytest.approx(min(others).item(), rel=1e-5)


@pytest.mark.slow
def test_class_weights_raise_the_probability_of_their_class(data, build):
    spec, train, val, test = data("multiclass")
    plain, weighted = (build("gradient_boosting", spec, **FAST) for _ in range(2))
    plain.fit(train, val)
    weighted.fit(train, val, torch.tensor([20.0, 1.0, 1.0]))
    assert (weighted.predict(test)[:, 0].mean() - plain.predict(test)[:, 0].mean()) > 0.05


@pytest.mark.slow
def test_weights_of_two_act_as_rows_given_twice(data, build):
    spec, train, val, test = data("binary")
    weighted, doubled = (
        build("gradient_boosting", spec, **FAST, min_samples_leaf=1) for _ in range(2)
    )
    weighted.fit(train, val, torch.tensor([1.0, 2.0]))

    def twice(batch):
        rows = torch.arange(len(batch["target"])).repeat_interleave(batch["target"].long() + 1)
        return {name: values[rows] for name, values in batch.items()}

    doubled.fit(twice(train), twice(val))
    difference = (weighted.predict(test) - doubled.predict(test)).abs()
    assert difference.median() < 0.02  # bin edges are quantiles of rows, so not the very same


@pytest.mark.slow
def test_the_seed_decides_what_is_drawn(data, build):
    spec, train, val, test = data("binary")
    results = []
    for seed in (1, 1, 2):
        model = build("gradient_boosting", spec, **FAST, max_features=0.4, seed=seed)
        model.fit(train, val)
        results.append(model.predict(test))
    assert torch.equal(results[0], results[1])
    assert not torch.equal(results[0], results[2])


@pytest.mark.slow
@pytest.mark.parametrize("task", ["multiclass", "multilabel", "regression"])
def test_a_saved_model_predicts_the_same(task, data, build, tmp_path):
    spec, train, val, test = data(task)
    model, restored = (build("gradient_boosting", spec, **FAST) for _ in range(2))
    model.fit(train, val)
    model.save(tmp_path)
    restored.load(tmp_path)
    assert torch.equal(restored.predict(test), model.predict(test))


def test_a_file_with_other_types_is_not_loaded(data, build, tmp_path):
    skops.io.dump([np.testing.assert_equal], tmp_path / "model.skops")
    with pytest.raises(LeptonError, match=r"model\.skops: holds .*assert_equal"):
        build("gradient_boosting", data("binary")[0]).load(tmp_path)


@pytest.mark.slow
def test_a_label_that_never_varies_is_predicted_as_it_is(data, build, tmp_path):
    spec, train, val, test = data("multilabel")
    train["target"][:, 0], train["target"][:, 1] = 0.0, 1.0
    model = build("gradient_boosting", spec, **FAST)
    model.fit(train, val)
    assert (model.predict(test)[:, 0] == 0).all()
    assert (model.predict(test)[:, 1] == 1).all()
    model.save(tmp_path)
    model.load(tmp_path)
    assert (model.predict(test)[:, 1] == 1).all()


def test_a_class_that_training_lacks_gets_no_probability(data, build):
    spec, train, val, test = data("multiclass")
    train["target"][train["target"] == 1] = 2
    model = build("gradient_boosting", spec, **FAST)
    model.fit(train, val)
    predicted = model.predict(test)
    assert predicted.shape == (60, 3)
    assert (predicted[:, 1] == 0).all()


def test_more_categories_than_scikit_learn_takes_count_as_ordered(data, build):
    spec, train, val, test = data("binary", cardinalities=(6, 4000))
    model = build("gradient_boosting", spec, **FAST)
    model.fit(train, val)
    assert model.predict(test).shape == (60,)
    assert model.settings["categorical_features"] == [False, False, True, False]


def test_a_category_that_training_never_showed_is_predicted(data, build):
    spec, train, val, test = data("binary")
    train["cat"] = train["cat"].clamp(min=2)
    model = build("gradient_boosting", spec, **FAST)
    model.fit(train, val)
    test["cat"] = torch.ones_like(test["cat"])
    assert model.predict(test).isfinite().all()
