"""`lepton evaluate`: a finished run scored again, on its test split and on files of new rows."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, mean_absolute_error, roc_auc_score

from lepton import build, compose, load, load_model
from lepton.config.check import check
from tests.evaluation.conftest import mine  # noqa: F401

BINS = ("evaluation=slices", "evaluation.slices.number_bins=0")
SHORT = ("model=mlp_small", "trainer.max_epochs=2")


def make_rows(rows=240, seed=0):
    generator = np.random.default_rng(seed)
    frame = pd.DataFrame({"age": generator.normal(40, 9, rows).round(2)})
    frame["job"] = generator.choice(["cook", "nurse", "smith"], rows)
    frame["late"] = np.where(frame["age"] + generator.normal(0, 5, rows) > 40, "yes", "no")
    frame["sum"] = (frame["age"] * 3 + generator.normal(0, 1, rows)).round(3)
    return frame


@pytest.fixture
def folder(here, run_once):
    make_rows().drop(columns="sum").to_csv("loans.csv", index=False)
    return run_once("dataset=csv", "dataset.path=loans.csv", "dataset.target=late", *SHORT)


@pytest.mark.slow
def test_the_test_split_is_scored_again_with_intervals_and_what_is_asked_for_is_added(
    folder,
    mine,  # noqa: F811
    lepton,
):
    [before] = load("default").to_dict("records")
    code, shown, error = lepton(
        *("evaluate", str(folder), "evaluation=[slices,noise]", "resamples=20", "--csv", "out.csv")
    )
    assert code == 0, error
    assert "@noise" in shown
    table = pd.read_csv("out.csv").set_index("metric")
    clean = table.loc[[name for name in table.index if name.startswith("test/")]]
    assert clean["value"].to_numpy() == pytest.approx(clean["stored"].to_numpy())
    assert ((clean["low"] <= clean["value"]) & (clean["value"] <= clean["high"]))["test/auroc"]
    [row] = load("default").to_dict("records")
    assert {name: row[name] for name in before if name != "evaluation"} == {
        name: value for name, value in before.items() if name != "evaluation"
    }
    assert row["test@noise/auroc"] == pytest.approx(table.loc["test@noise/auroc", "value"])
    assert row["test@slices/slices"] == table.loc["test@slices/slices", "value"]


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["csv", "parquet", "jsonl"])
def test_a_file_is_scored_as_scikit_learn_scores_the_predictions(folder, lepton, suffix):
    new = make_rows(90, seed=1)
    new.loc[:4, "late"] = None
    write = {
        "csv": lambda path: new.to_csv(path, index=False),
        "parquet": lambda path: new.to_parquet(path, index=False),
        "jsonl": lambda path: new.to_json(path, orient="records", lines=True),
    }
    write[suffix](f"new.{suffix}")
    stored = (folder / "result.json").read_bytes()
    words = ("evaluation=slices", "evaluation.slices.min_samples=20", "resamples=0")
    code, shown, error = lepton(
        "evaluate", str(folder), f"new.{suffix}", *words, "--parquet", "out.parquet"
    )
    assert code == 0, error
    assert "5 of 90 rows have no late and are left out" in shown
    assert "85 rows of the file" in shown
    labelled = new.iloc[5:]
    predicted = load_model(folder).predict_raw(labelled)["prediction"]
    table = pd.read_parquet("out.parquet").set_index("metric")["value"]
    target = labelled["late"] == "yes"
    assert table["file/auroc"] == pytest.approx(roc_auc_score(target, predicted))
    assert table["file/accuracy"] == pytest.approx(accuracy_score(target, predicted > 0.5))
    assert table["file@slices/slices"] > 0
    assert (folder / "result.json").read_bytes() == stored


@pytest.mark.slow
def test_an_evaluator_that_changes_rows_does_so_with_those_of_a_file(folder, mine, lepton):  # noqa: F811
    make_rows(60, seed=2).to_csv("new.csv", index=False)
    words = ("evaluation=noise", "resamples=0", "--csv", "out.csv")
    for scale, is_same in (("0", True), ("5", False)):
        words_of_scale = (*words, f"evaluation.noise.scale={scale}")
        code, _, error = lepton("evaluate", str(folder), "new.csv", *words_of_scale)
        assert code == 0, error
        table = pd.read_csv("out.csv").set_index("metric")["value"]
        assert np.isclose(table["file@noise/auroc"], table["file/auroc"]) == is_same


@pytest.mark.slow
def test_an_ensemble_is_scored_again_and_sliced_and_says_what_it_cannot(
    here,
    mine,  # noqa: F811
    lepton,
    run,
):
    make_rows().drop(columns="sum").to_csv("loans.csv", index=False)
    for seed in (0, 1):
        run(
            *("dataset=csv", "dataset.path=loans.csv", "dataset.target=late", *SHORT),
            *(f"seed={seed}", "study=few"),
        )
    assert lepton("ensemble", "runs=few", "method=mean", "keep=true")[0] == 0
    frame = load("few")
    [folder] = frame.loc[frame["ensemble"].notna(), "folder"]
    code, shown, error = lepton("evaluate", folder, "evaluation=slices", "resamples=0")
    assert code == 0, error
    assert "not what the run holds" not in shown
    assert load("few").set_index("folder").loc[folder, "test@slices/slices"] > 0
    make_rows(60, seed=2).to_csv("new.csv", index=False)
    assert lepton("evaluate", folder, "new.csv", "resamples=0")[0] == 0
    for rows in ([], ["new.csv"]):
        code, _, error = lepton("evaluate", folder, *rows, "evaluation=noise", "resamples=0")
        assert code == 2
        assert "predicts through other runs" in error


@pytest.mark.slow
def test_a_file_is_read_by_the_defaults_where_the_run_read_none(here, run_once, lepton):
    words = ("dataset=synthetic", "dataset.rows=170", "dataset.missing=0.1", *SHORT)
    folder = run_once(*words)
    build.data(check(compose(*words))).read()[0].to_csv("rows.csv", index=False)
    assert lepton("evaluate", str(folder), "rows.csv", "resamples=0", "--csv", "out.csv")[0] == 0
    assert pd.read_csv("out.csv")["value"].notna().all()


@pytest.mark.slow
def test_a_regression_is_scored_in_its_unit(here, run, lepton):
    make_rows().drop(columns="late").to_csv("sums.csv", index=False)
    folder = run("dataset=csv", "dataset.path=sums.csv", "dataset.target=sum", *SHORT)
    new = make_rows(50, seed=3)
    new.to_csv("new.csv", index=False)
    words = ("resamples=0", "--csv", "out.csv")
    assert lepton("evaluate", str(folder), "new.csv", *words)[0] == 0
    table = pd.read_csv("out.csv").set_index("metric")["value"]
    predicted = load_model(folder).predict_raw(new)["prediction"]
    assert table["file/mae"] == pytest.approx(mean_absolute_error(new["sum"], predicted))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda new: new.drop(columns="age"), "new.csv: column 'age' is missing"),
        (lambda new: new.drop(columns="late"), "new.csv: no column 'late', the target of the run"),
        (
            lambda new: new.assign(late=["maybe", *new["late"][1:]]),
            "new.csv, column 'late', row 1: 'maybe' is not a class of the run",
        ),
        (lambda new: new.assign(late=""), "new.csv: no row has a target (late)"),
        (
            lambda new: new.assign(age=["old", *new["age"][1:]]),
            "new.csv: column 'age', row 1: 'old'",
        ),
        (lambda new: new[:0], "new.csv: a header and no rows"),
    ],
)
def test_a_file_that_cannot_be_scored_is_told_in_one_line(folder, lepton, change, message):
    change(make_rows(20, seed=4)).to_csv("new.csv", index=False)
    code, _, error = lepton("evaluate", str(folder), "new.csv", "resamples=0")
    assert (code, error.count("\n")) == (2, 1), error
    assert message in error


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "give the folder of a run"),
        (("nowhere",), "nowhere: holds no finished run"),
        (("{run}", "gone.csv"), "gone.csv: no such file"),
        (("{run}", "evaluation=slice"), "did you mean 'slices'?"),
        (("{run}", "model=mlp"), "lepton evaluate has no such key"),
        (("{run}", "hydra.run.dir=here"), "lepton evaluate has no such key"),
        (("{run}", "resamples=-1"), "resamples: -1 is too small"),
        (("{run}", "resamples=few"), "resamples: 'few' is not int"),
        (("{run}", "seed=-1"), "seed: -1 is too small"),
        (("{run}", *BINS), "evaluation.slices.number_bins: 0 is not int, 1 at least"),
        (("{run}", "evaluation=slices,none"), "takes one value; write a list as evaluation=[A,B]"),
        (("{run}", "--csv"), "--csv needs a file"),
        (("{run}", "-m"), "for `lepton train` alone"),
    ],
)
def test_a_mistake_in_the_words_is_told_in_one_line(folder, lepton, words, message):
    code, _, error = lepton("evaluate", *(word.format(run=folder) for word in words))
    assert (code, error.count("\n")) == (2, 1), error
    assert message in error
