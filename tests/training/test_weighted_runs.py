"""Runs whose rows have weights: all that is scored of them counts the rows by these."""

import json
import logging

import numpy as np
import pandas as pd
import pytest
import sklearn.metrics as sk
import torch

from lepton.example import make_spec
from lepton.storage.run_log import SHOWN_LINES
from lepton.task.binary import Binary

DATA = ("dataset=csv", "dataset.path=rows.csv", "dataset.target=y", "dataset.weight=w")
SHORT = ("trainer=cpu", "trainer.max_epochs=3", "batch_size=32")
NETWORK = (*DATA, *SHORT, "model=mlp_small", "model.hidden=[8]")
TREES = (*DATA, "model=gradient_boosting", "model.max_iter=10")


def make_rows(rows=240, seed=0):
    generator = np.random.default_rng(seed)
    frame = pd.DataFrame({"a": generator.normal(size=rows), "g": generator.choice([*"xyz"], rows)})
    frame["w"] = generator.choice([0, 1, 2.5, 0.1], rows)
    frame["y"] = (frame["a"] + generator.normal(size=rows) > 0).map({True: "yes", False: "no"})
    return frame


@pytest.fixture
def rows(here):
    frame = make_rows()
    frame.to_csv("rows.csv", index=False)
    return frame


def stored(folder, split):
    return pd.read_parquet(folder / "predictions" / f"{split}.parquet")


def reference(target, p, weight):
    """Metrics of scikit-learn by weights."""
    by, told = {"sample_weight": weight}, p > 0.5
    return {
        "log_loss": sk.log_loss(target, p, **by),
        "auroc": sk.roc_auc_score(target, p, **by),
        "f1": sk.f1_score(target, told, **by),
        "brier": sk.brier_score_loss(target, p, **by),
        "accuracy": sk.accuracy_score(target, told, **by),
    }


def reference_of(folder, split):
    frame = stored(folder, split)
    return reference(frame["target"], frame["prediction"].astype(float), frame["weight"])


@pytest.mark.slow
@pytest.mark.parametrize("overrides", [NETWORK, TREES], ids=["network", "trees"])
def test_validation_and_test_are_scored_as_scikit_learn_does_by_the_weights_of_their_rows(
    overrides, rows, run_once
):
    folder = run_once(*overrides)
    result = json.loads((folder / "result.json").read_text())
    for split in ("val", "test"):
        frame = stored(folder, split)
        assert frame["weight"].tolist() == rows["w"][frame["id"]].tolist()
        for name, value in reference_of(folder, split).items():
            assert result["metrics"][f"{split}/{name}"] == pytest.approx(value, abs=1e-6), name
    assert result["score"] == -result["metrics"]["val/log_loss"]


def test_the_best_epoch_is_chosen_by_them_and_the_constant_predictor_knows_them(rows, run_once):
    folder = run_once(*NETWORK)
    result = json.loads((folder / "result.json").read_text())
    history = pd.read_parquet(folder / "history.parquet")
    best = result["metrics"]["val/log_loss"]
    assert history["val/log_loss"].min() == pytest.approx(best, rel=1e-6)
    held = pd.concat([stored(folder, split) for split in ("val", "test")])["id"]
    train, test = rows.drop(held), stored(folder, "test")
    share = np.average(train["y"] == "yes", weights=train["w"])
    constant = np.full(len(test), share)
    expected = sk.log_loss(test["target"], constant, sample_weight=test["weight"])
    assert result["constant"]["test/log_loss"] == pytest.approx(expected, rel=1e-6)


@pytest.mark.slow
def test_the_test_split_is_scored_again_with_intervals_over_rows_with_their_weights(
    rows, run_once, lepton
):
    folder = run_once(*NETWORK)
    words = ("resamples=30", "evaluation=[decision,slices]", "evaluation.decision.resamples=9")
    code, shown, error = lepton("evaluate", str(folder), *words, "--csv", "out.csv")
    assert code == 0, error
    assert "rows count by their weights (column w)" in shown
    assert "not what the run holds" not in shown
    table = pd.read_csv("out.csv").set_index("metric")
    test = stored(folder, "test").sort_values("id").query("weight > 0").reset_index(drop=True)
    generator, drawn = np.random.default_rng(0), []
    for _ in range(30):
        some = test.iloc[generator.integers(0, len(test), len(test))]
        drawn.append(reference(some["target"], some["prediction"].astype(float), some["weight"]))
    limits = pd.DataFrame(drawn).quantile([0.025, 0.975])
    for name, value in reference_of(folder, "test").items():
        row = table.loc[f"test/{name}"]
        assert row["value"] == pytest.approx(value, abs=1e-6)
        assert row[["low", "high"]].tolist() == pytest.approx(limits[name].tolist(), abs=1e-6)
    threshold = table.loc["test@decision/threshold", "value"]
    told = test["prediction"] > threshold
    expected = sk.f1_score(test["target"], told, sample_weight=test["weight"])
    assert table.loc["test@decision/f1", "value"] == pytest.approx(expected)


@pytest.mark.slow
def test_the_rows_of_a_file_count_by_its_column_and_without_one_once_each_which_is_said(
    rows, run_once, lepton
):
    from lepton import load_model

    folder, new = run_once(*NETWORK), make_rows(90, seed=1)
    target, p = new["y"] == "yes", load_model(folder).predict_raw(new)["prediction"].astype(float)
    cases = (
        (new, new["w"], "rows count by their weights (column w)"),
        (new.drop(columns="w"), None, "the file has no weights (column w): each row counts once"),
    )
    for frame, weight, line in cases:
        frame.to_csv("new.csv", index=False)
        words = ("evaluate", str(folder), "new.csv", "resamples=0", "--csv", "out.csv")
        code, shown, error = lepton(*words)
        assert code == 0, error
        assert line in shown
        table = pd.read_csv("out.csv").set_index("metric")["value"]
        for name, value in reference(target, p, weight).items():
            assert table[f"file/{name}"] == pytest.approx(value, abs=1e-6)
    new.assign(w=-1).to_csv("new.csv", index=False)
    code, _, error = lepton("evaluate", str(folder), "new.csv")
    assert code == 2
    assert (
        error == "lepton: new.csv: dataset.weight=w, row 1: '-1' is negative; 0 leaves a row out\n"
    )


@pytest.mark.slow
def test_importance_and_ensembles_score_by_the_weights_of_validation_rows(rows, run_once, lepton):
    first, second = run_once(*NETWORK), run_once(*TREES)
    code, shown, error = lepton("importance", str(first), "repeats=2")
    assert code == 0, error
    count = (stored(first, "val")["weight"] > 0).sum()
    expected = reference_of(first, "val")["log_loss"]
    assert f"{count} validation rows, val log_loss {expected:.4f}" in shown
    runs = f"runs=[{first},{second}]"
    code, shown, error = lepton("ensemble", runs, "method=greedy", "keep=true", "study=both")
    assert code == 0, error
    [folder] = (path.parent for path in first.parents[1].glob("both/*/result.json"))
    metrics = json.loads((folder / "result.json").read_text())["metrics"]
    for split in ("val", "test"):
        assert stored(folder, split)["weight"].equals(
            stored(first, split).sort_values("id", ignore_index=True)["weight"]
        )
        for name, value in reference_of(folder, split).items():
            assert metrics[f"{split}/{name}"] == pytest.approx(value, abs=1e-6)


class OwnScore(Binary):
    def _score(self, prediction, truth, names):
        return {"log_loss": float((prediction - truth).abs().mean())}


def test_a_task_whose_own_metrics_take_no_weights_counts_each_row_once_and_says_so(caplog):
    SHOWN_LINES.clear()
    task = OwnScore(make_spec("binary"), class_weights=None, monitor=None)
    p, y, weight = torch.rand(20), torch.arange(20.0) % 2, torch.arange(20.0)
    with caplog.at_level(logging.INFO, logger="lepton"):
        scores = task.score_rows(p, y, weight, only=["log_loss"])
    assert scores == task.score(p, y, only=["log_loss"])
    assert (
        "task binary: its metrics take no weights of rows; they count each row once" in caplog.text
    )
