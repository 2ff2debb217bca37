"""The evaluator `decision`: chosen on validation, told on test, followed by what predicts."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score, log_loss

from lepton import load_model
from lepton.errors import Damaged
from lepton.evaluation.decision import Decision
from lepton.storage.predictions import SplitPredictions
from lepton.testing import EvaluatorContract
from tests.tampering import forget_digests

SHORT = ("trainer.max_epochs=3", "trainer=cpu", "model=linear")
CREDIT = ("dataset=german_credit", *SHORT)
WINE = ("dataset=wine", *SHORT)
LABELS = ("dataset=synthetic", "dataset.rows=300", "dataset.labels=3", *SHORT)


def decision(**values):
    defaults = {"threshold": "f1", "costs": None, "calibration": "none", "resamples": 20}
    return Decision(**(defaults | values))


class TestDecision(EvaluatorContract):
    def build(self):
        return decision(calibration="platt", threshold="cost", costs=[[0, 1], [3, 0]])

    def test_what_it_scores_of_all_rows_is_what_it_measures(self):
        model, metrics = self.model(), self.evaluation().metrics
        scores = self.build().row_scores(model)(np.arange(len(model.predictions.ids)))
        assert {"f1", "auroc", "cost"} <= scores.keys()
        assert {name: metrics[name] for name in scores} == pytest.approx(scores)

    def test_a_class_that_validation_lacks_is_said_to_have_no_rows(self, caplog):
        model, val = self.model(), self.model().validation
        of_one = val.target == 0
        rows = SplitPredictions(val.ids[of_one], val.target[of_one], val.prediction[of_one])
        kept = {"read_predictions": lambda: model.predictions, "read_validation": lambda: rows}
        self.build().evaluate(replace(model, **kept), 1)
        assert f"validation has {len(rows.ids)} rows, 0 of the rarest class" in caplog.text


def evaluate(lepton, folder, **values):
    keys = {"resamples": 20, **values}
    words = [f"evaluation.decision.{key}={value}" for key, value in keys.items()]
    return lepton("evaluate", str(folder), "evaluation=decision", "resamples=0", *words)


def metrics_of(folder):
    return json.loads((folder / "result.json").read_text())["metrics"]


def stored(folder, split):
    return pd.read_parquet(folder / "predictions" / f"{split}.parquet")


@pytest.fixture
def applications(here):
    from lepton import build
    from lepton.config.check import check
    from lepton.config.compose import compose

    data = build.data(check(compose(*CREDIT)))
    rows = data.read()[0].iloc[data.splits["test"]["id"].numpy()]
    rows.to_csv("new.csv", index=False)
    return rows


def test_what_validation_chose_is_scored_on_test_and_followed(run_once, lepton, applications):
    folder = run_once(*CREDIT)
    before = {**metrics_of(folder)}
    assert load_model(folder).rule is None
    code, said, error = evaluate(lepton, folder)
    assert code == 0, error
    assert "@decision" in said
    assert "by the rule  difference [95 %]" in said
    assert "threshold_low" in said
    val, test = stored(folder, "val"), stored(folder, "test")
    cuts = [0, *np.unique(val["prediction"])]  # all that decide differently
    best = max(f1_score(val["target"], val["prediction"] > cut) for cut in cuts)
    model, metrics = load_model(folder), metrics_of(folder)
    assert isinstance(model.threshold, float)
    assert f1_score(val["target"], val["prediction"] > model.threshold) >= best - 1e-9
    expected = f1_score(test["target"], test["prediction"] > model.threshold)
    assert metrics["test@decision/f1"] == pytest.approx(expected)
    assert metrics["test@decision/threshold"] == model.threshold
    assert {k: v for k, v in metrics.items() if "@" not in k} == before
    assert "test@decision/auroc" not in metrics

    p = model.predict_raw(applications)["prediction"]
    decided = np.where(p > model.threshold, "bad", "good").tolist()
    assert model.predict(applications).tolist() == decided
    assert f"threshold {model.threshold:.3g}>" in repr(model)
    words = ("new.csv", "--out", "o.csv", "keep=none")
    code, said, error = lepton("predict", str(folder), *words)
    assert code == 0, error
    assert pd.read_csv("o.csv")["predicted"].tolist() == decided
    assert f"evaluation=decision of the run: threshold {model.threshold:.3g}" in said

    gains = pd.read_parquet(folder / "evaluation" / "decision" / "gains.parquet")
    row = gains.set_index("metric").loc["f1"]
    assert row["test"] == pytest.approx(before["test/f1"])
    assert row["difference"] == pytest.approx(metrics["test@decision/f1"] - before["test/f1"])
    assert row["low"] <= row["difference"] <= row["high"]


@pytest.mark.slow
def test_probabilities_are_calibrated_by_validation_and_the_run_stays_what_it_was(
    run_once, lepton, applications
):
    folder = run_once(*CREDIT)
    config = (folder / "config.yaml").read_bytes()
    raw = load_model(folder).predict_raw(applications)["prediction"]
    code, _, error = evaluate(lepton, folder, calibration="isotonic", threshold="none")
    assert (code, "follows their noise" in error) == (0, True)
    model, test = load_model(folder), stored(folder, "test")
    calibrated = model.predict_proba(applications)["bad"]
    assert np.diff(calibrated.to_numpy()[raw.argsort()]).min() >= 0
    assert model.predict_raw(applications)["prediction"].equals(raw)
    q = model.rule.probabilities(test["prediction"].to_numpy(float))
    eps = np.finfo(np.float32).eps
    loss = log_loss(test["target"], np.clip(q, eps, 1 - eps))
    assert metrics_of(folder)["test@decision/log_loss"] == pytest.approx(loss, rel=1e-5)
    assert (folder / "config.yaml").read_bytes() == config


@pytest.mark.slow
def test_new_rows_with_a_target_are_scored_by_the_rule_that_the_run_has(
    run_once, lepton, applications
):
    folder = run_once(*CREDIT)
    evaluate(lepton, folder, threshold=0.25)
    words = ("new.csv", "resamples=40", "--csv", "scores.csv")
    code, said, error = lepton("evaluate", str(folder), *words)
    assert code == 0, error
    assert "@decision [95 %]" in said
    scores, model = pd.read_csv("scores.csv").set_index("metric"), load_model(folder)
    is_bad = (applications[model.spec.target_names[0]] == "bad").to_numpy()
    decided = (model.predict(applications) == "bad").to_numpy()
    assert scores.loc["file@decision/f1", "value"] == pytest.approx(f1_score(is_bad, decided))
    assert scores.loc["file@decision/threshold", "value"] == 0.25
    generator, rows = np.random.default_rng(0), len(decided)
    drawn = [generator.integers(0, rows, rows) for _ in range(40)]
    limits = np.quantile([f1_score(is_bad[some], decided[some]) for some in drawn], (0.025, 0.975))
    assert scores.loc["file@decision/f1", ["low", "high"]].tolist() == pytest.approx(limits)


@pytest.mark.slow
def test_several_classes_are_decided_by_costs(run_once, lepton):
    folder = run_once(*WINE)
    costs = [[0, 1, 1], [1, 0, 1], [50, 50, 0]]
    code, _, error = evaluate(lepton, folder, threshold="cost", costs=costs, calibration="platt")
    assert code == 0, error
    metrics, test = metrics_of(folder), stored(folder, "test")
    p = load_model(folder).rule.probabilities(test.filter(regex="^p_").to_numpy(float))
    decided = (p @ np.array(costs)).argmin(1)
    mean = np.array(costs)[test["target"], decided].mean()
    assert metrics["test@decision/cost"] == pytest.approx(mean)
    assert metrics["test@decision/accuracy"] == pytest.approx((decided == test["target"]).mean())
    code, _, error = evaluate(lepton, folder, threshold="f1")
    assert code == 2
    assert "threshold: f1 is for two classes, or labels" in error


@pytest.mark.slow
def test_labels_have_a_threshold_each(run_once, lepton):
    folder = run_once(*LABELS)
    assert evaluate(lepton, folder)[0] == 0
    model, test = load_model(folder), stored(folder, "test")
    assert list(model.threshold) == list(model.spec.classes)
    above = test.filter(regex="^p_").to_numpy() > np.array(list(model.threshold.values()))
    scores = [
        f1_score(test[f"target_{name}"], above[:, i]) for i, name in enumerate(model.spec.classes)
    ]
    assert metrics_of(folder)["test@decision/f1"] == pytest.approx(np.mean(scores))


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ({"threshold": "cost"}, "costs: null; threshold=cost needs them"),
        ({"threshold": 1.5}, "threshold: 1.5 is not between 0 and 1"),
        ({"costs": "[[0,1],[2]]"}, "is not a row a true class, a column a decided one"),
        ({"costs": "[[0,1,1],[2,0,1],[1,1,0]]"}, "costs: 3 rows, where 2 sides are decided for"),
        ({"calibration": "plat"}, "calibration"),
    ],
)
def test_what_makes_no_sense_is_one_line(run_once, lepton, words, error):
    code, _, said = evaluate(lepton, run_once(*CREDIT), **words)
    assert code == 2
    assert error in said
    assert said.count("lepton:") == 1


@pytest.mark.slow
def test_a_task_without_classes_has_no_threshold(run_once, lepton):
    code, _, said = evaluate(lepton, run_once("dataset=diabetes", *SHORT))
    assert code == 2
    assert "a task regression decides for no class" in said


@pytest.mark.slow
def test_a_rule_that_is_not_what_was_written_is_named(run_once, lepton, applications):
    folder = run_once(*CREDIT)
    evaluate(lepton, folder)
    forget_digests(folder)
    table = folder / "evaluation" / "decision" / "decision_rule.parquet"
    pd.read_parquet(table).assign(value=0.9).to_parquet(table)
    model = load_model(folder)
    assert len(model.predict_raw(applications)) == len(applications)
    with pytest.raises(Damaged, match=r"decision_rule\.parquet: is gone, or not what was written"):
        model.predict(applications)


@pytest.mark.slow
def test_an_ensemble_decides_by_its_own_validation(run_once, lepton, applications):
    runs = [str(run_once(*CREDIT, f"seed={seed}")) for seed in (0, 1)]
    words = ("method=mean", "keep=true", "study=joint")
    assert lepton("ensemble", f"runs=[{','.join(runs)}]", *words)[0] == 0
    [folder] = (path for path in Path("runs/joint").iterdir() if path.is_dir())
    assert evaluate(lepton, folder, calibration="platt")[0] == 0
    model = load_model(folder)
    p = model.predict_proba(applications)["bad"]
    mean = sum(load_model(run).predict_raw(applications)["prediction"] for run in runs) / 2
    np.testing.assert_allclose(p, model.rule.probabilities(mean.to_numpy(float)), atol=1e-5)
    decided = np.where(p > model.threshold, "bad", "good")
    assert model.predict(applications).tolist() == decided.tolist()
