"""A finished run predicts raw rows as it predicted them when it was scored."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from lepton import build, load_model
from lepton.config.check import check
from lepton.config.compose import compose
from lepton.errors import ConfigError, DataError, LeptonError
from tests.tampering import forget_digests

EPOCHS = "trainer.max_epochs=2"
RUNS = {
    "binary": ("dataset=synthetic", "dataset.rows=300", "dataset.missing=0.1"),
    "multiclass": ("dataset=wine",),
    "multilabel": ("dataset=synthetic", "dataset.rows=300", "dataset.labels=3"),
    "regression": ("dataset=diabetes",),
    "text and numbers": ("dataset=german_credit",),
}


MODELS = ["mlp_small", "gradient_boosting"]
QUICK_RUNS = [
    *[("binary", "mlp_small"), ("multilabel", "mlp_small"), ("text and numbers", "mlp_small")],
    *[("regression", "gradient_boosting"), ("binary", "gradient_boosting")],
]


def raw(overrides):
    """The rows of the test split as the data set reads them, features and target."""
    data = build.data(check(compose(*overrides)))
    return data.read()[0].iloc[data.splits["test"]["id"].numpy()]


def stored(folder):
    frame = pd.read_parquet(folder / "predictions" / "test.parquet").set_index("id")
    return frame.filter(regex="^(prediction|p_.*)$")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("task", "model"),
    [(task, model) for task in RUNS for model in MODELS],
)
def test_predictions_of_raw_rows_are_those_that_were_scored(run, task, model):
    overrides = RUNS[task]
    overrides = (*overrides, f"model={model}", EPOCHS, "trainer.accelerator=cpu")
    folder, frame = run(*overrides), raw(overrides)
    expected, predictor = stored(folder), load_model(folder)
    predicted = predictor.predict_raw(frame)
    assert predicted.index.equals(frame.index)
    pd.testing.assert_frame_equal(predicted, expected, check_names=False, rtol=0, atol=1e-6)

    mixed = frame.sample(frac=1, axis=1, random_state=0).assign(further=range(len(frame)))
    assert predictor.predict_raw(mixed).equals(predicted)
    turned = predictor.predict_raw(frame.iloc[::-1]).iloc[::-1]
    np.testing.assert_allclose(turned, predicted, rtol=0, atol=1e-6)
    single_row = predictor.predict_raw(frame.iloc[[3]])
    np.testing.assert_allclose(single_row, predicted.iloc[[3]], rtol=0, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("model", ["mlp_small", "gradient_boosting"])
def test_a_missing_column_is_named_and_an_unseen_category_is_taken(run, model):
    overrides = (*RUNS["binary"], f"model={model}", EPOCHS)
    predictor, frame = load_model(run(*overrides)), raw(overrides)
    with pytest.raises(DataError, match="'num_3'"):
        predictor.predict_raw(frame.drop(columns="num_3"))
    new = predictor.predict_raw(frame.assign(cat_1="never seen"))
    assert new["prediction"].between(0, 1).all()
    empty = predictor.predict_raw(frame.assign(cat_1=None, num_0=np.nan))
    assert empty["prediction"].between(0, 1).all()
    with pytest.raises(DataError, match="'num_0'"):
        predictor.predict_raw(frame.assign(num_0="seven"))


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_no_rows_give_no_predictions(run, model, task):
    overrides = (*RUNS[task], f"model={model}", EPOCHS)
    predictor, frame = load_model(run(*overrides)), raw(overrides)
    predicted = predictor.predict_raw(frame.iloc[:0])
    assert len(predicted) == 0
    assert list(predicted) == list(predictor.predict_raw(frame.iloc[:2]))


@pytest.mark.slow
def test_the_target_need_not_be_there(run):
    folder = run(*RUNS["multiclass"], "model=linear", EPOCHS)
    frame = raw(RUNS["multiclass"])
    predictor = load_model(folder)
    assert predictor.predict_raw(frame.drop(columns="grower")).equals(predictor.predict_raw(frame))


@pytest.mark.slow
def test_a_run_predicts_when_its_data_file_is_gone(run, here):
    frame = pd.DataFrame({"x": np.arange(60) % 7 / 3, "y": ["a", "b", "b"] * 20})
    frame.to_csv("data.csv", index=False)
    folder = run("dataset=csv", "dataset.path=data.csv", "dataset.target=y", EPOCHS)
    before = load_model(folder).predict_raw(frame)
    Path("data.csv").unlink()
    assert load_model(folder).predict_raw(frame).equals(before)


@pytest.mark.slow
def test_a_moved_run_predicts_the_same(run, here):
    folder = run(*RUNS["multiclass"], "model=mlp_small", EPOCHS)
    frame = raw(RUNS["multiclass"])
    before = load_model(folder).predict_raw(frame)
    moved = folder.rename(here / "kept model")
    assert load_model(str(moved)).predict_raw(frame).equals(before)


@pytest.mark.slow
def test_loading_twice_gives_the_same_predictions_and_leaves_the_folder_alone(run):
    folder = run(*RUNS["binary"], "model=mlp_small", "model.dropout=0.5", EPOCHS)
    frame = raw(RUNS["binary"])
    times = {p: p.stat().st_mtime_ns for p in folder.rglob("*")}
    predictor = load_model(folder)
    assert predictor.predict_raw(frame).equals(predictor.predict_raw(frame))
    assert load_model(folder).predict_raw(frame).equals(predictor.predict_raw(frame))
    assert {p: p.stat().st_mtime_ns for p in folder.rglob("*")} == times


def test_a_folder_without_a_finished_run_is_refused(here):
    with pytest.raises(LeptonError, match=r"^nowhere: holds no finished run$"):
        load_model("nowhere")


@pytest.mark.slow
def test_a_study_in_the_place_of_a_run_names_one_of_its_runs(run):
    folder = run(*RUNS["binary"], "model=linear", EPOCHS)
    for study in (folder.parent, Path(folder.parent.name)):
        with pytest.raises(LeptonError, match=f"^{study}: is a study; .*, as {folder}$"):
            load_model(study)


@pytest.mark.slow
def test_a_config_that_names_something_untrusted_is_refused(run):
    folder = run(*RUNS["multiclass"], "model=mlp_small", EPOCHS)
    config = yaml.safe_load((forget_digests(folder) / "config.yaml").read_text())
    config["model"] = {"_target_": "os.system", "command": "touch hacked"}
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    with pytest.raises(ConfigError, match=r"os.system"):
        load_model(folder)
    assert not Path("hacked").exists()


@pytest.mark.slow
def test_weights_of_another_architecture_are_not_loaded(run):
    small = run(*RUNS["multiclass"], "model=mlp_small", EPOCHS)
    other = run(*RUNS["multiclass"], "model=linear", EPOCHS)
    (other / "model.safetensors").rename(small / "model.safetensors")
    with pytest.raises(LeptonError, match=r"model.safetensors"):
        load_model(small)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "content"),
    [
        (name, content)
        for name in ("model.safetensors", "preprocessing.skops", "spec.json")
        for content in (None, b"", b"damaged")
    ],
)
def test_a_file_that_is_missing_or_damaged_is_named(run, name, content):
    folder = run(*RUNS["multiclass"], "model=mlp_small", EPOCHS)
    (folder / name).unlink() if content is None else (folder / name).write_bytes(content)
    with pytest.raises(LeptonError, match=name) as error:
        load_model(folder)
    assert len(str(error.value).splitlines()) == 1
