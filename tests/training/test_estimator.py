"""A model that fits itself goes the way of a run, and is scikit-learn's on the same tensors."""

import numpy as np
import pytest
import torch
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.utils.class_weight import compute_class_weight

from lepton import build
from lepton.config.check import check
from lepton.config.compose import compose
from lepton.training.estimator import Estimator

SMALL = ["dataset=synthetic", "dataset.rows=400", "model=gradient_boosting", "model.max_iter=30"]


@pytest.fixture
def fit(tmp_path):
    def fit(*overrides):
        config = check(compose(*SMALL, *overrides))
        data = build.data(config)
        estimator = Estimator(config, data.spec)
        estimator.fit(data, tmp_path)
        return data, estimator

    return fit


def by_hand(kind, data, y, *, seed, table=None):
    """scikit-learn's own model with the settings of the YAML, at its best iteration."""
    matrix = {
        name: np.hstack([rows["num"].numpy(), rows["cat"].numpy()]).astype(float)
        for name, rows in data.splits.items()
    }
    numbers = data.splits["train"]["num"].shape[1]
    categories = data.splits["train"]["cat"].shape[1]
    model = kind(
        learning_rate=0.1,
        max_iter=30,
        max_leaf_nodes=31,
        min_samples_leaf=20,
        n_iter_no_change=20,
        early_stopping=True,
        random_state=seed,
        categorical_features=[False] * numbers + [True] * categories,
    )
    options = {"X_val": matrix["val"], "y_val": y["val"]}
    if table is not None:
        options["sample_weight"] = table[y["train"].astype(int)]
        options["sample_weight_val"] = table[y["val"].astype(int)]
    model.fit(matrix["train"], y["train"], **options)
    best = int(np.argmax(model.validation_score_[1:]))
    staged = getattr(model, "staged_predict_proba", None) or model.staged_predict
    return list(staged(matrix["test"]))[best]


def targets(data, label=None):
    by_split = {name: rows["target"].numpy() for name, rows in data.splits.items()}
    return by_split if label is None else {name: y[:, label] for name, y in by_split.items()}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("overrides", "kind"),
    [
        (["dataset.classes=0", "seed=3"], HistGradientBoostingRegressor),
        (["dataset.classes=3"], HistGradientBoostingClassifier),
        ([], HistGradientBoostingClassifier),
    ],
)
def test_it_predicts_as_sklearn_does_by_hand(overrides, kind, fit):
    data, estimator = fit(*overrides)
    expected = by_hand(kind, data, targets(data), seed=3 if "seed=3" in overrides else 0)
    expected = expected[:, 1] if data.spec.task == "binary" else expected
    predicted = estimator.predict(data.splits["test"])
    np.testing.assert_allclose(predicted, expected, rtol=1e-5)
    assert predicted.std() > 0.05


@pytest.mark.slow
def test_each_label_has_a_model_of_its_own(fit):
    data, estimator = fit("dataset.labels=3")
    predicted = estimator.predict(data.splits["test"])
    for label in range(3):
        y = targets(data, label)
        expected = by_hand(HistGradientBoostingClassifier, data, y, seed=0)
        np.testing.assert_allclose(predicted[:, label], expected[:, 1], rtol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("overrides", [[], ["dataset.classes=3"]])
def test_balanced_class_weights_are_those_of_sklearn(overrides, fit):
    data, estimator = fit(*overrides, "task.class_weights=balanced", "dataset.noise=0.8")
    y = targets(data)
    table = compute_class_weight("balanced", classes=np.unique(y["train"]), y=y["train"])
    np.testing.assert_allclose(estimator.task.estimator_weights(), table)
    expected = by_hand(HistGradientBoostingClassifier, data, y, seed=0, table=table)
    expected = expected[:, 1] if data.spec.task == "binary" else expected
    np.testing.assert_allclose(estimator.predict(data.splits["test"]), expected, rtol=1e-5)


@pytest.mark.slow
def test_a_label_is_weighed_against_its_absence(fit):
    data, estimator = fit("dataset.labels=3", "task.class_weights=balanced", "model.max_iter=2")
    positives = data.splits["train"]["target"].sum(0).double()
    rows = len(data.splits["train"]["target"])
    torch.testing.assert_close(estimator.task.estimator_weights(), (rows - positives) / positives)


@pytest.mark.slow
def test_without_class_weights_there_are_none(fit):
    assert fit("model.max_iter=2")[1].task.estimator_weights() is None


@pytest.mark.slow
def test_a_saved_model_predicts_the_same_and_nothing_of_training_is_counted(fit, tmp_path):
    data, estimator = fit("dataset.classes=3")
    estimator.save(tmp_path)
    config = check(compose(*SMALL, "dataset.classes=3"))
    loaded = Estimator(config, data.spec)
    loaded.load(tmp_path)
    test = data.splits["test"]
    assert torch.equal(loaded.predict(test), estimator.predict(test))
    assert (estimator.history, estimator.best_epoch) == ([], 0)
    assert estimator.sizes() == {"parameters": 0, "trainable": 0}
    assert estimator.seconds > 0
