"""A finished run predicts classes, labels and quantities of rows in whatever form they come."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from lepton import build, load_model
from lepton.config.check import check
from lepton.config.compose import compose
from lepton.errors import DataError, LeptonError
from lepton.prediction.predictor import Predictor

EPOCHS = ("trainer.max_epochs=2", "trainer=cpu")
WINE = ("dataset=wine", "model=linear", *EPOCHS)
LABELS = ("dataset=synthetic", "dataset.rows=200", "dataset.labels=3", "model=linear", *EPOCHS)
CREDIT = ("dataset=german_credit", "model=linear", *EPOCHS)


def raw(overrides):
    data = build.data(check(compose(*overrides)))
    return data.read()[0].iloc[data.splits["test"]["id"].numpy()]


def table(y, rows=60):
    """Two numbers and a category, with a target that follows from the first."""
    x = np.arange(rows) % 7 / 3
    return pd.DataFrame({"x": x, "job": np.where(x > 1, "cook", "clerk"), "y": y(x)})


def model_of(run_once, frame, *overrides):
    frame.to_csv("rows.csv", index=False)
    words = ("dataset=csv", "dataset.path=rows.csv", "dataset.target=y", "model=linear")
    return load_model(run_once(*words, *EPOCHS, *overrides))


@pytest.mark.slow
def test_two_classes_are_told_by_name_and_their_probabilities_sum_to_1(run_once):
    model, frame = load_model(run_once(*CREDIT)), raw(CREDIT)
    proba, of_second = model.predict_proba(frame), model.predict_raw(frame)["prediction"]
    assert list(proba) == list(model.classes_) == list(model.spec.classes)
    np.testing.assert_allclose(proba.sum(axis=1), 1, atol=1e-6)
    assert proba.iloc[:, 1].equals(of_second.rename(proba.columns[1]))
    expected = np.where(of_second > 0.5, model.classes_[1], model.classes_[0])
    assert model.predict(frame).tolist() == expected.tolist()
    assert model.predict(frame).index.equals(frame.index)
    assert model.threshold == 0.5


@pytest.mark.slow
def test_of_several_classes_the_likeliest_is_told(run_once):
    model, frame = load_model(run_once(*WINE)), raw(WINE)
    proba = model.predict_proba(frame)
    np.testing.assert_allclose(proba.sum(axis=1), 1, atol=1e-6)
    assert model.predict(frame).tolist() == proba.idxmax(axis=1).tolist()
    assert set(frame["grower"]) == set(model.classes_)
    assert (model.predict(frame) == frame["grower"]).mean() > 0.3
    assert model.threshold is None


@pytest.mark.slow
def test_of_several_labels_each_has_a_column(run_once):
    model, frame = load_model(run_once(*LABELS)), raw(LABELS)
    predicted, proba = model.predict(frame), model.predict_proba(frame)
    assert list(predicted) == list(proba) == list(model.classes_) == list(model.spec.target_names)
    assert predicted.equals(proba > 0.5)
    assert proba.to_numpy() == pytest.approx(model.predict_raw(frame).to_numpy())


@pytest.mark.slow
def test_a_quantity_is_predicted_and_has_no_classes(run_once, here):
    frame = table(lambda x: 100 * x + 0.5)
    model = model_of(run_once, frame)
    assert model.predict(frame).equals(model.predict_raw(frame)["prediction"])
    assert (model.classes_, model.threshold) == (None, None)
    with pytest.raises(LeptonError, match="task regression has no classes"):
        model.predict_proba(frame)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("y", "classes"),
    [
        (lambda x: (x > 1).astype(int), [0, 1]),
        (lambda x: (x > 1).astype(float), [0, 1]),
        (lambda x: x > 1, [False, True]),
        (lambda x: np.where(x > 1, -7, 3), [-7, 3]),
        (lambda x: np.where(x > 1, "01", "2"), ["01", "2"]),
        (lambda x: np.where(x > 1, "yes", "no"), ["no", "yes"]),
    ],
)
def test_classes_are_as_they_stood_in_the_data(run_once, here, y, classes):
    frame = table(y)
    model = model_of(run_once, frame)
    assert model.classes_ is not None
    assert model.classes_.tolist() == list(model.predict_proba(frame)) == classes
    predicted = model.predict(frame).tolist()
    assert set(map(type, predicted)) <= set(map(type, classes))
    assert set(predicted) <= set(frame["y"])


@pytest.mark.slow
def test_arrays_lists_dicts_and_files_mean_the_rows_of_a_table(run_once, here):
    frame = table(lambda x: np.where(x > 1, "b", "a"))
    model = model_of(run_once, frame)
    expected = model.predict_raw(frame)
    inputs = frame[["x", "job"]]
    inputs.to_parquet("rows.parquet")
    inputs.to_json("rows.jsonl", orient="records", lines=True)
    given = {
        "array": inputs.to_numpy(),
        "lists": inputs.to_numpy().tolist(),
        "rows": inputs.to_dict("records"),
        "columns": inputs.to_dict("list"),
        "arrays": {"job": inputs["job"].to_numpy(), "x": inputs["x"].to_numpy()},
        **{name: name for name in ("rows.csv", "rows.parquet", "rows.jsonl")},
        "path": here / "rows.csv",
        "arrow": pa.Table.from_pandas(inputs),
    }
    for name, rows in given.items():
        np.testing.assert_array_equal(model.predict_raw(rows), expected, err_msg=name)
    one = model.predict_raw({"job": "cook", "x": frame["x"][5]})
    np.testing.assert_allclose(one, expected.iloc[[5]], atol=1e-6)
    assert len(model.predict([])) == 0


def test_an_array_of_numbers_has_the_columns_in_the_order_of_training(run_once):
    model, frame = load_model(run_once(*WINE)), raw(WINE)
    numbers = frame.drop(columns="grower").to_numpy(float)
    assert model.predict(numbers).tolist() == model.predict(frame).tolist()
    assert model.predict(numbers[:, ::-1]).tolist() != model.predict(frame).tolist()


def test_rows_that_are_none_are_named_with_what_would_be_right(run_once, here):
    frame = table(lambda x: np.where(x > 1, "b", "a"))
    model = model_of(run_once, frame)
    reads = r"the model reads 2 columns \('x', 'job'\)"
    for rows, error in {
        "nowhere.csv": "'nowhere.csv': no rows, and no file that is there; .* 2 columns",
        here / "nowhere.csv": "nowhere.csv: no such file or folder",
        3: "int: no rows",
        b"x": "bytes: no rows",
    }.items():
        with pytest.raises(DataError, match=error):
            model.predict(rows)
    with pytest.raises(DataError, match=f"3 columns, where {reads}, in this order"):
        model.predict(np.zeros((4, 3)))
    with pytest.raises(DataError, match=f"one column, where {reads}"):
        model.predict(frame["x"])
    with pytest.raises(DataError, match="column 'job': is one cell, where others are lists"):
        model.predict({"x": [1, 2], "job": "cook"})
    with pytest.raises(DataError, match="the columns have 1 to 2 rows"):
        model.predict({"x": [1, 2], "job": ["cook"]})
    with pytest.raises(DataError, match="column 'job'"):
        model.predict({"x": [1, 2]})
    with pytest.raises(DataError, match="columns of 2 levels"):
        model.predict(frame.set_axis(pd.MultiIndex.from_product([frame.columns, ["a"]]), axis=1))
    with pytest.raises(DataError, match="column 'x': complex numbers"):
        model.predict(frame.assign(x=1j))
    with pytest.raises(DataError, match="a text that is no Unicode"):
        model.predict({"x": [1], "job": ["\ud800"]})


def test_a_model_says_what_it_is(run_once):
    folder = run_once(*WINE)
    model = load_model(folder)
    assert isinstance(model, Predictor)
    assert repr(model) == (
        f"<Predictor of {folder}: task multiclass; classes class_0, class_1, class_2; reads "
        "13 numbers (alcohol, malic_acid, ash, alcalinity_of_ash, magnesium, total_phenols, ... "
        "13 in all)>"
    )


@pytest.mark.slow
def test_an_ensemble_offers_the_same(run_once, lepton):
    runs = [str(run_once(*WINE, f"seed={seed}")) for seed in (0, 1)]
    words = ("method=mean", "keep=true", "study=joint")
    code, _, error = lepton("ensemble", f"runs=[{','.join(runs)}]", *words)
    assert code == 0, error
    [folder] = (folder for folder in Path("runs/joint").iterdir() if folder.is_dir())
    model, frame = load_model(folder), raw(WINE)
    members = [load_model(run).predict_proba(frame) for run in runs]
    pd.testing.assert_frame_equal(model.predict_proba(frame), sum(members) / 2, rtol=1e-5)
    assert model.predict(frame.to_dict("list")).tolist() == (
        model.predict_proba(frame).idxmax(axis=1).tolist()
    )
    assert repr(model).startswith(f"<Predictor of {folder}: task multiclass; classes class_0")
