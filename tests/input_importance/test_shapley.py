"""`lepton importance method=shap`: against the sum over all subsets, and a closed form."""

import sys
from itertools import combinations
from math import factorial

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_diabetes

from lepton import load_model
from lepton.input_importance.shapley import ShapleyValues
from lepton.storage.predictions import read_predictions
from tests.input_importance.loans import rows_of

pytest.importorskip("captum")
ALL = "background=10000"


def shapley(lepton, folder, *words):
    """The values as a table: a row for each row, a column for each input."""
    code, out, said = lepton(
        *("importance", str(folder), "method=shap", "--values", "values.parquet", *words)
    )
    assert (code, said) == (0, "")
    return pd.read_parquet("values.parquet"), out


@pytest.mark.slow
def test_values_are_the_mean_over_all_subsets_of_what_an_input_adds(loans_run, lepton):
    folder = loans_run("model=gradient_boosting", "model.max_iter=10")
    values, out = shapley(lepton, folder, "samples=2", ALL, "permutations=200")
    frame, _ = rows_of(folder)
    model, names = load_model(folder), [*frame]

    def mean(row, told):
        rows = frame.assign(**{name: row[name] for name in told})
        return model.predict_raw(rows)["prediction"].mean()

    found = values.pivot(index="id", columns="input", values="shap")[names]
    expected = pd.DataFrame(0.0, found.index, names)
    for number in found.index:
        row = frame.loc[number]
        for name in names:
            others = [other for other in names if other != name]
            for size in range(len(names)):
                weight = factorial(size) * factorial(2 - size) / factorial(3)
                for told in combinations(others, size):
                    gain = mean(row, [*told, name]) - mean(row, told)
                    expected.loc[number, name] += weight * gain
    np.testing.assert_allclose(found, expected, atol=0.02)
    assert np.abs(expected.to_numpy()).max() > 0.1
    of_rows = values.groupby("id")[["prediction", "base"]].first()
    difference = of_rows["prediction"] - of_rows["base"]
    np.testing.assert_allclose(found.sum(axis=1), difference, atol=1e-6)
    own = model.predict_raw(frame.loc[of_rows.index])["prediction"]
    np.testing.assert_allclose(of_rows["prediction"], own, atol=1e-6)
    assert "predicted is yes" in out


@pytest.mark.slow
def test_of_a_linear_model_a_value_is_what_the_column_is_beyond_its_mean(run_once, lepton):
    folder = run_once("dataset=diabetes", "model=linear", "trainer=cpu", "trainer.max_epochs=2")
    values, _ = shapley(lepton, folder, "samples=5", ALL, "permutations=1")
    model, rows = load_model(folder), load_diabetes(as_frame=True, scaled=False).data
    background = rows.iloc[read_predictions(folder, "val").ids.numpy()]
    found = values.pivot(index="id", columns="input", values="shap")
    assert {*found} <= {*rows}
    for number in found.index:
        row = rows.loc[[number]]
        own = model.predict_raw(row)["prediction"].item()
        for name in found:
            changed = pd.concat([row] * len(background), ignore_index=True)
            changed[name] = background[name].to_numpy()
            expected = own - model.predict_raw(changed)["prediction"].mean()
            assert found.loc[number, name] == pytest.approx(expected, abs=1e-3)


@pytest.mark.slow
def test_by_weights_rows_stand_in_and_are_averaged_as_often_as_they_weigh(here, run_once, lepton):
    draw = np.random.default_rng(0)
    frame = pd.DataFrame(draw.normal(size=(120, 2)), columns=["debt", "income"])
    frame["due"] = 3 * frame["debt"] - frame["income"] + draw.normal(size=120)
    frame["w"] = draw.choice([0, 1, 5], 120)
    frame.to_csv("weighed.csv", index=False)
    words = ("dataset=csv", "dataset.path=weighed.csv", "dataset.target=due", "dataset.weight=w")
    folder = run_once(*words, "model=linear", "trainer=cpu", "trainer.max_epochs=2")
    values, _ = shapley(lepton, folder, "samples=1000", ALL, "permutations=1", "--csv", "sizes.csv")
    rows = frame.iloc[read_predictions(folder, "val").ids.numpy()]
    repeated = rows.loc[rows.index.repeat(rows["w"])]
    found = values.pivot(index="id", columns="input", values="shap")
    assert {*found.index} == {*repeated.index} < {*rows.index}
    model = load_model(folder)

    def predict(inputs):
        return model.predict_raw(inputs[["debt", "income"]])["prediction"]

    base = values.groupby("id")["base"].first()
    assert base.to_numpy() == pytest.approx(predict(repeated).mean(), abs=1e-5)
    sizes = pd.read_csv("sizes.csv").set_index("input")
    for name in ("debt", "income"):
        for number in found.index[:5]:
            changed = repeated.assign(**{c: frame.loc[number, c] for c in found if c != name})
            own = predict(frame.loc[[number]]).item()
            expected = own - predict(changed).mean()
            assert found.loc[number, name] == pytest.approx(expected, abs=1e-4)
        of_rows = found.loc[repeated.index, name]
        row = sizes.loc[name]
        assert [row["importance"], row["mean"]] == pytest.approx(
            [of_rows.abs().mean(), of_rows.mean()], abs=1e-6
        )


def test_the_interval_of_weighted_sizes_is_as_wide_as_they_vary_over_drawn_rows():
    draw = np.random.default_rng(1)
    values, weight = draw.normal(size=(300, 1)) ** 3, draw.choice([0.5, 1.0, 8.0], 300)
    nothing = np.zeros(300)
    shown = {"inputs": ["debt"], "background": 1, "permutations": 1, "of": ["due"] * 300}
    shown["split"] = "val"
    found = ShapleyValues(
        values=values, outputs=nothing, base=nothing, ids=nothing, weight=weight, **shown
    )
    estimate, rows = found.estimates["debt"], draw.integers(0, 300, (4000, 300))
    drawn = np.average(np.abs(values[rows, 0]), axis=1, weights=weight[rows])
    assert (estimate.high - estimate.low) / 2 == pytest.approx(1.968 * drawn.std(), rel=0.05)
    assert estimate.value == pytest.approx(drawn.mean(), rel=0.02)


@pytest.mark.slow
def test_of_several_classes_the_predicted_one_is_explained(run_once, lepton):
    folder = run_once("dataset=wine", "model=linear", "trainer=cpu", "trainer.max_epochs=2")
    values, _ = shapley(lepton, folder, "samples=6", "background=5", "permutations=2")
    stored = read_predictions(folder, "val")
    predicted = dict(zip(stored.ids.tolist(), stored.prediction.argmax(1).tolist(), strict=True))
    classes = load_model(folder).spec.classes
    of_rows = values.groupby("id").agg({"output": "first", "shap": "sum", "prediction": "first"})
    assert [*of_rows["output"]] == [classes[predicted[number]] for number in of_rows.index]
    base = values.groupby("id")["base"].first()
    np.testing.assert_allclose(of_rows["shap"], of_rows["prediction"] - base, atol=1e-6)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("method=shap", "metric=auroc"), "metric: is for method=permutation alone"),
        (("samples=5",), "samples: is for method=shap alone"),
        (("--values", "v.parquet"), "--values: method=shap alone has a value of each row"),
        (("method=lime",), "method: 'lime' is not"),
        (("method=shap", "--values", "no/v.parquet"), "--values no/v.parquet: cannot be written"),
    ],
)
def test_a_mistake_in_the_words_is_told_in_one_line(words, message, loans_run, lepton):
    code, _, said = lepton("importance", str(loans_run("model=linear")), *words)
    assert (code, said.count("\n")) == (2, 1), said
    assert message in said


def test_without_captum_the_command_says_what_to_install(loans_run, lepton, monkeypatch):
    folder = loans_run("model=linear")
    monkeypatch.setitem(sys.modules, "captum", None)
    code, _, said = lepton("importance", str(folder), "method=shap")
    assert code == 2
    assert "needs captum; pip install 'lepton-experiments[explain]'" in said
