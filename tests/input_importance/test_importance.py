"""`lepton importance`: against scikit-learn on the same model and rows, and what was built in."""

import numpy as np
import pandas as pd
import pytest
from sklearn.inspection import permutation_importance
from sklearn.metrics import log_loss, roc_auc_score

from lepton import load_model
from lepton.storage.results import read_result
from tests.input_importance.loans import rows_of
from tests.quick import quick_at


def importance(lepton, folder, *words):
    """The table as a file, by input, and what is printed."""
    code, out, said = lepton("importance", str(folder), "--csv", "table.csv", *words)
    assert (code, said) == (0, "")
    return pd.read_csv("table.csv").set_index("input"), out


def scorer(metric):
    """scikit-learn's scorer of a model that predicts frames."""

    def score(model, frame, target):
        return metric(target, model.predict_raw(frame)["prediction"])

    return score


class AsEstimator:
    """What scikit-learn asks of a model that it is told how to score."""

    def __init__(self, model):
        self.predict_raw = model.predict_raw

    def fit(self):
        """scikit-learn looks whether there is one."""


SCORES = {"auroc": roc_auc_score, "log_loss": lambda y, p: -log_loss(y, p)}
BOOSTED = ("model=gradient_boosting", "model.max_iter=10")


@pytest.mark.parametrize(
    ("words", "metric"),
    quick_at(
        [(("model=linear",), "auroc"), (("model=linear",), "log_loss"), (BOOSTED, "auroc")], 1
    ),
)
def test_importances_are_scikit_learns_of_the_same_model_and_rows(words, metric, loans_run, lepton):
    folder = loans_run(*words)
    files = {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    table, printed = importance(lepton, folder, f"metric={metric}", "repeats=40")
    assert {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()} == files
    frame, target = rows_of(folder)
    estimator = AsEstimator(load_model(folder))
    theirs = permutation_importance(
        estimator, frame, target, scoring=scorer(SCORES[metric]), n_repeats=40, random_state=1
    )
    error = np.hypot(theirs.importances_std, table.loc[frame.columns, "std"]) / np.sqrt(40)
    difference = table.loc[frame.columns, "importance"] - theirs.importances_mean
    assert (difference.abs() < 4 * error + 1e-6).all()
    assert theirs.importances_mean[0] > 0.03
    assert table["importance"].is_monotonic_decreasing
    assert table.index[0] == "income"
    assert table.loc["income", "low"] > 0
    assert table.loc["house", "low"] <= 0 <= table.loc["house", "high"]
    unit = "lost" if metric == "auroc" else "added"
    assert f"val {metric} {unit}" in printed


@pytest.mark.slow
def test_inputs_taken_together_lose_what_all_pairs_of_rows_lose_without_both(loans_run, lepton):
    folder = loans_run("model=linear")
    table, _ = importance(lepton, folder, "together=[[town,income]]", "repeats=40")
    frame, target = rows_of(folder)
    model, rows = load_model(folder), len(frame)
    receivers, donors = (a.ravel() for a in np.indices((rows, rows)))
    pairs = frame.take(receivers).reset_index(drop=True)
    for name in ("income", "town"):
        pairs[name] = frame[name].take(donors).array
    p = model.predict_raw(pairs)["prediction"].to_numpy(dtype=float)
    own = model.predict_raw(frame)["prediction"].to_numpy(dtype=float)
    of_pairs = log_loss(target[receivers], p) - log_loss(target, own)
    assert list(table.index) == ["income + town", "house"]
    found = table.loc["income + town"]
    # a permutation leaves a row its own cell once in as many rows as there are
    assert abs(found["importance"] - of_pairs) < 4 * found["std"] / np.sqrt(40)


@pytest.mark.slow
def test_the_metric_is_the_monitored_one_and_a_part_of_the_rows_says_so(loans_run, lepton):
    folder = loans_run("model=linear", "task.monitor=auroc")
    table, printed = importance(lepton, folder, "rows=50")
    assert set(table["metric"]) == {"val/auroc"}
    assert "50 of 64 validation rows" in printed
    again, _ = importance(lepton, folder, "rows=50")
    pd.testing.assert_frame_equal(table, again)


@pytest.mark.slow
def test_an_interval_is_undefined_where_the_metric_is_without_one_row(loans_run, lepton):
    folder = loans_run("model=linear")
    frame, target = rows_of(folder)
    of_one = next(
        seed
        for seed in range(100)
        if sum(target[np.random.default_rng(seed).choice(len(frame), 5, replace=False)]) == 1
    )
    table, printed = importance(lepton, folder, "metric=auroc", "rows=5", f"seed={of_one}")
    assert table["low"].isna().all()
    assert printed.count("undefined") == 3


@pytest.mark.slow
def test_the_columns_of_a_text_are_one_input(here, run_once, lepton):
    draw = np.random.default_rng(0)
    words = draw.choice(["good", "bad", "day"], (200, 2))
    frame = pd.DataFrame(words, columns=["subject", "body"])
    frame["body"] = "it was a " + frame["body"]
    frame.assign(label=np.where(words[:, 1] == "bad", "no", "yes")).to_csv("texts.csv", index=False)
    data = (
        "dataset=text_csv",
        "dataset.path=texts.csv",
        "dataset.text=[subject,body]",
        "dataset.duplicates=keep",
    )
    folder = run_once(*data, "dataset.target=label", "model=tfidf_linear", "study=important")
    table, _ = importance(lepton, folder)
    assert list(table.index) == ["subject + body"]
    assert table["low"].item() > 0


@pytest.mark.slow
def test_an_ensemble_is_weighed_through_its_members_and_folds_are_refused(loans_run, lepton):
    members = [loans_run("model=linear", f"seed={seed}") for seed in (0, 1)]
    code, out, _ = lepton("ensemble", f"runs=[{','.join(map(str, members))}]", "keep=true")
    assert code == 0
    folder = next(line for line in out.split() if "ensemble" in line and line.startswith("runs/"))
    table, _ = importance(lepton, folder)
    assert table.index[0] == "income"
    folds = [
        loans_run("model=linear", "dataset.folds=2", f"dataset.fold={fold}") for fold in (0, 1)
    ]
    code, out, _ = lepton("ensemble", f"runs=[{','.join(map(str, folds))}]", "method=kfold")
    assert code == 0
    folder = next(line for line in out.split() if "kfold" in line and line.startswith("runs/"))
    code, _, said = lepton("importance", folder)
    assert (code, said.count("\n")) == (2, 1)
    assert "does not predict the validation rows as stored" in said


@pytest.mark.slow
def test_a_run_that_was_validated_inside_is_weighed_on_test_rows(loans_run, lepton):
    folder = loans_run("model=linear", "dataset.validation=inside")
    code, _, said = lepton("importance", str(folder))
    assert (code, said.count("\n"), "split=test has rows" in said) == (2, 1, True)
    table, out = importance(lepton, folder, "split=test", "metric=auroc", "repeats=30")
    score = read_result(folder).metrics["test/auroc"]
    assert f"80 test rows, test auroc {score:.4f} " in out
    frame, target = rows_of(folder, "test")
    expected = permutation_importance(
        AsEstimator(load_model(folder)), frame, target, scoring=scorer(roc_auc_score), n_repeats=30
    )
    off = np.abs(table.loc[[*frame], "importance"] - expected.importances_mean)
    assert (off <= expected.importances_std + 1e-6).all()
    assert set(table["metric"]) == {"test/auroc"}


@pytest.mark.slow
def test_a_run_without_test_rows_is_told_so(loans_run, lepton):
    folder = loans_run("model=linear", "dataset.test_size=0", "dataset.validation=inside")
    code, _, said = lepton("importance", str(folder), "split=test")
    assert (code, said) == (
        2,
        f"lepton: split=test: {folder} has no such rows, only those of val\n",
    )


@pytest.mark.slow
def test_the_page_is_one_file_with_its_figure_and_table(loans_run, lepton, here):
    pytest.importorskip("matplotlib")
    folder = loans_run("model=linear")
    _, printed = importance(lepton, folder, "--out", "importance.html")
    page = (here / "importance.html").read_text()
    assert printed.splitlines()[-1] == "importance.html"
    assert "<svg" in page
    assert page.count("income") > 2
    assert "--figure" not in page
    assert "http://" not in page.replace("http://www.w3.org", "")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "give the folder of one run"),
        (("nowhere",), "nowhere: holds no finished run"),
        (("{run}", "metric=aurc"), "no metric 'aurc'; did you mean 'auroc'?"),
        (("{run}", "repeats=0"), "repeats: 0 is not from 1 to 1000"),
        (("{run}", "together=[[incom,town]]"), "reads no column 'incom'; did you mean 'income'?"),
        (("{run}", "together=[[town,town]]"), "column 'town' stands there twice"),
        (("{run}", "together=[town]"), "together: ['town'] is not"),
        (("{run}", "--out", "loans.csv"), "is there, and no page of lepton's"),
        (("{run}", "--csv", "no/such/table.csv"), "--csv no/such/table.csv: cannot be written"),
        (("{run}", "model=mlp"), "model: lepton importance has no such key"),
    ],
)
def test_a_mistake_in_the_words_is_told_in_one_line(words, message, loans_run, lepton):
    folder = loans_run("model=linear")
    code, _, said = lepton("importance", *(word.format(run=folder) for word in words))
    assert (code, said.count("\n")) == (2, 1), said
    assert message in said


def test_data_that_are_not_what_they_were_are_told(loans_run, lepton, here):
    folder = loans_run("model=linear")
    pd.read_csv("loans.csv").assign(income=1).to_csv("loans.csv", index=False)
    code, _, said = lepton("importance", str(folder))
    assert (code, said.count("\n")) == (2, 1)
    assert "its data or its options are no longer what they were" in said
