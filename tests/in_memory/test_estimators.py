"""Runs as estimators of scikit-learn."""

import copy
import gc
import json
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

from lepton import LeptonClassifier, LeptonRegressor, load, load_model
from lepton.errors import LeptonError

QUICK = ["model=linear", "trainer.accelerator=cpu", "trainer.max_epochs=10", "optimizer.lr=0.05"]
CHECKED = [*QUICK[1:2], "model=mlp_small", "trainer.max_epochs=20", "optimizer.lr=0.01"]
HARMLESS = {".json", ".yaml", ".txt", ".parquet", ".safetensors", ".skops", ""}  # no pickles
NOT_HELD = {
    "check_methods_subset_invariance": "networks compute in 32 bits, whose last digit depends on "
    "how many rows are predicted at once",
    "check_sample_weight_equivalence_on_dense_data": "rows that stand there twice are divided "
    "among training and validation, and batches, as others are",
}


@pytest.fixture(scope="module")
def fitted():
    X, y = load_iris(return_X_y=True, as_frame=True)
    names = np.array(["setosa", "versicolor", "virginica"])[y]
    return LeptonClassifier(QUICK).fit(X, names), X, names


@pytest.mark.slow
@pytest.mark.parametrize(
    "estimator",
    [
        LeptonClassifier([*CHECKED, "batch_size=32"]),
        LeptonRegressor([*CHECKED, "batch_size=32"]),
        LeptonClassifier(["model=gradient_boosting"]),
        LeptonRegressor(["model=gradient_boosting"]),
    ],
    ids=["classifier", "regressor", "boosted classifier", "boosted regressor"],
)
@pytest.mark.filterwarnings("ignore")
def test_scikit_learns_checks_hold(estimator):
    results = check_estimator(estimator, expected_failed_checks=NOT_HELD, on_skip=None)
    skipped = [r["check_name"] for r in results if r["status"] == "skipped"]
    assert skipped in ([], ["check_array_api_input"])
    assert len(results) >= 48


@pytest.mark.slow
def test_rows_without_weight_are_not_learned_from():
    rng = np.random.default_rng(0)
    X, weight = rng.normal(size=(300, 2)), rng.integers(0, 2, 300)
    y = np.where(weight == 1, X[:, 0] > 0, X[:, 0] < 0)
    classifier = LeptonClassifier(["model=gradient_boosting"]).fit(X, y, sample_weight=weight)
    assert classifier.score(X, X[:, 0] > 0) > 0.85
    with pytest.raises(ValueError, match="at least one non-zero number"):
        LeptonClassifier(["model=gradient_boosting"]).fit(X, y, sample_weight=np.zeros(300))
    with pytest.raises(ValueError, match="Negative values"):
        LeptonClassifier(["model=gradient_boosting"]).fit(X, y, sample_weight=-np.ones(300))


@pytest.mark.slow
def test_classes_and_probabilities_are_those_of_the_run(fitted):
    classifier, X, names = fitted
    assert classifier.classes_.tolist() == ["setosa", "versicolor", "virginica"]
    assert classifier.feature_names_in_.tolist() == X.columns.tolist()
    model = load_model(classifier.folder_)
    expected = model.predict_proba(X)[classifier.classes_].to_numpy()
    np.testing.assert_array_equal(classifier.predict_proba(X), expected)
    np.testing.assert_array_equal(classifier.predict(X), model.predict(X))
    np.testing.assert_allclose(classifier.predict_proba(X).sum(1), 1, rtol=1e-5)
    assert classifier.score(X, names) > 0.8
    assert classifier.result_.rows == {"train": 126, "val": 24}


@pytest.mark.slow
@pytest.mark.parametrize(
    "values",
    [
        [3, 1],
        [False, True],
        ["b", "a"],
        [2.0, 1.0],
        [10, 9],
        ["NA", "null"],
        ["1", "01"],
        ["x", " x"],
    ],
)
def test_labels_of_any_type_come_back_as_they_were(values):
    X = np.random.default_rng(0).normal(size=(60, 2))
    y = np.array(values)[(X[:, 0] > 0).astype(int)]
    classifier = LeptonClassifier(QUICK).fit(X, y)
    assert classifier.classes_.tolist() == sorted(values)
    assert (classifier.predict(X) == y).mean() > 0.8
    second = classifier.predict_proba(X)[:, 1]
    assert second[y == classifier.classes_[1]].mean() > second[y == classifier.classes_[0]].mean()


@pytest.mark.slow
def test_a_search_a_pipeline_and_folds_take_it():
    X, y = load_breast_cancer(return_X_y=True)
    X = X[:150, :4]
    assert cross_val_score(LeptonClassifier(QUICK), X, y[:150], cv=2).mean() > 0.8
    pipeline = make_pipeline(StandardScaler(), LeptonClassifier(QUICK))
    grid = {"leptonclassifier__overrides": [[*QUICK, "optimizer.lr=1e-5"], QUICK]}
    search = GridSearchCV(pipeline, grid, cv=2).fit(X, y[:150])
    assert search.best_params_["leptonclassifier__overrides"] == QUICK
    assert clone(search.best_estimator_).get_params()["leptonclassifier__overrides"] == QUICK


@pytest.mark.slow
def test_frames_with_words_and_gaps_need_no_preparation():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"age": rng.normal(size=120), "city": rng.choice(["a", "b"], 120)})
    y = frame["age"] + (frame["city"] == "a") * 2
    frame.loc[::7, "age"], frame.loc[::5, "city"] = None, None
    regressor = LeptonRegressor(["model=gradient_boosting"]).fit(frame, y)
    assert regressor.score(frame, y) > 0.5
    np.testing.assert_allclose(regressor.predict(pl.DataFrame(frame)), regressor.predict(frame))


@pytest.mark.slow
def test_texts_are_rows_too():
    texts = [f"a {'good' if row % 2 else 'bad'} film {row}" for row in range(60)]
    labels = ["pos" if row % 2 else "neg" for row in range(60)]
    classifier = LeptonClassifier(["model=tfidf_linear"]).fit(texts, labels)
    assert classifier.predict(["a bad film", "good"]).tolist() == ["neg", "pos"]


def test_what_is_saved_predicts_the_same_and_holds_no_pickle(fitted, here):
    classifier, X, _ = fitted
    classifier.save("kept")
    loaded = LeptonClassifier.load("kept")
    np.testing.assert_array_equal(loaded.predict(X), classifier.predict(X))
    assert loaded.get_params() == classifier.get_params()
    assert loaded.feature_names_in_.tolist() == classifier.feature_names_in_.tolist()
    for path in filter(Path.is_file, Path("kept").rglob("*")):
        assert path.suffix in HARMLESS, path
    with pytest.raises(LeptonError, match="kept: is there already"):
        classifier.save("kept")
    with pytest.raises(LeptonError, match=r"holds a LeptonClassifier; load it with LeptonClassif"):
        LeptonRegressor.load("kept")
    with pytest.raises(LeptonError, match=r"load: 3 is no folder.*LeptonClassifier\.load\('est"):
        LeptonClassifier.load(3)
    with pytest.raises(LeptonError, match="save: None is no folder and no name"):
        classifier.save(None)
    with pytest.raises(LeptonError, match="nowhere: no saved estimator"):
        LeptonClassifier.load("nowhere")
    with pytest.raises(NotFittedError):
        LeptonClassifier().save("other")


@pytest.mark.parametrize(
    ("facts", "line"),
    [
        ({"class": "os.system"}, "holds a os.system"),
        ({"parameters": {"verbose": 1}}, "not an estimator of lepton's"),
        ({"fitted": {"predict": 1}}, "fitted: 'predict'"),
        ({"fitted": {"classes_": [["a"], ["b"]]}}, "classes_: not values alone"),
        ({"fitted": {"classes_": ["setosa"]}}, "its classes are not those of its run"),
    ],
)
def test_a_folder_of_another_sets_nothing_and_is_told_in_a_line(fitted, here, facts, line):
    fitted[0].save("kept")
    file = Path("kept/estimator.json")
    file.write_text(json.dumps(json.loads(file.read_text()) | facts))
    with pytest.raises(LeptonError, match=line):
        LeptonClassifier.load("kept")


def test_a_saved_estimator_is_read_from_regular_files_alone(fitted, here):
    fitted[0].save("kept")
    file = Path("kept/estimator.json").rename("elsewhere.json")
    Path("kept/estimator.json").symlink_to(file.absolute())
    with pytest.raises(LeptonError, match="a link, where lepton writes a regular file"):
        LeptonClassifier.load("kept")
    Path("kept/estimator.json").unlink()
    Path("kept/estimator.json").write_text("[" * 100_000)
    with pytest.raises(LeptonError, match="not an estimator of lepton's"):
        LeptonClassifier.load("kept")


@pytest.mark.slow
def test_a_copy_predicts_when_the_first_is_gone_and_leaves_no_folder():
    X, y = load_diabetes(return_X_y=True)
    first = LeptonRegressor(QUICK).fit(X, y)
    expected, home = first.predict(X), Path(first.folder_).parents[1]
    second = copy.deepcopy(first)
    assert home.is_dir()
    del first
    gc.collect()
    assert not home.exists()
    np.testing.assert_array_equal(second.predict(X), expected)
    before = Path(second.folder_).parent
    second.fit(X[:100], y[:100])
    assert not before.exists()


@pytest.mark.slow
def test_runs_of_a_study_stay_and_are_trained_once(here):
    X, y = load_diabetes(return_X_y=True)
    first = LeptonRegressor(QUICK, study="sugar").fit(X, y)
    stamp = Path(first.folder_, "result.json").stat().st_mtime_ns
    second = LeptonRegressor(QUICK, study="sugar").fit(X, y)
    assert second.result_ == first.result_
    assert Path(second.folder_, "result.json").stat().st_mtime_ns == stamp
    assert load("sugar")["folder"].tolist() == [second.folder_]


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"overrides": ["model=mpl"]}, "model=mpl: no such option"),
        ({"overrides": "model=mlp"}, "overrides: 'model=mlp' is no list of words"),
        ({"overrides": ["dataset.path=x"]}, "fit keeps the rows that it is given"),
        ({"X": [["a"], ["b"]] * 5}, "not compatible with arrays of bytes/strings"),
        ({"X": pd.DataFrame({"x": []})}, "0 sample"),
        ({"y": [1] * 10}, "needs two classes or more"),
        ({"y": [*range(10)]}, "a class needs 2, one to train on"),
        ({"y": [1, 2]}, "10, y has 2"),
    ],
)
def test_what_cannot_be_fitted_is_a_value_error_in_a_line(change, line):
    given = {"X": np.arange(10.0)[:, None], "y": [0, 1] * 5, **change}
    classifier = LeptonClassifier(given.pop("overrides", QUICK))
    with pytest.raises(ValueError, match=line):
        classifier.fit(**given)
