"""The evaluator `gaps`: metrics by group against sklearn's, decided as the run decides."""

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, confusion_matrix, roc_auc_score

from lepton.evaluation.gaps import Gaps
from lepton.evaluation.group_scorers import metrics_of_each_class
from lepton.example import make_spec
from lepton.task.binary import Binary
from lepton.testing import EvaluatorContract

SHORT = ("model=linear", "trainer=cpu", "trainer.max_epochs=4")
WORDS = ("evaluation=gaps", "evaluation.gaps.shuffles=20", "resamples=0")
FEW_OF_CLASS = "evaluation.gaps.min_of_class=3"
FEW = (*WORDS, "evaluation.gaps.resamples=20", "evaluation.gaps.min_samples=10", FEW_OF_CLASS)


def gaps(**values):
    defaults = {"column": "cat_0", "min_samples": 8, "min_of_class": 1, "number_bins": 2}
    defaults |= {"level": 0.05, "metrics": None, "resamples": 5, "shuffles": 5}
    return Gaps(**(defaults | values))


class TestGaps(EvaluatorContract):
    def build(self):
        return gaps()


def make_loans(rows, seed):
    generator = np.random.default_rng(seed)
    frame = pd.DataFrame({"income": generator.normal(40, 9, rows).round(2)})
    frame["region"] = generator.choice(["north", "south", "far"], rows, p=[0.6, 0.37, 0.03])
    frame["sex"] = generator.choice(["f", "m"], rows)
    shift = np.where(frame["region"] == "south", 9, 0)
    is_late = frame["income"] + shift + generator.normal(0, 6, rows) > 42
    frame["late"] = np.where(is_late, "yes", "no")
    return frame


@pytest.fixture
def folder(here, run_once):
    make_loans(400, 0).to_csv("loans.csv", index=False)
    words = ("dataset=csv", "dataset.path=loans.csv", "dataset.target=late")
    return run_once(*words, "dataset.drop=[region]", *SHORT)


def evaluate(lepton, folder, *words):
    return lepton("evaluate", str(folder), *FEW, *words)


def frame_of(folder, name):
    return pd.read_parquet(folder / "evaluation" / "gaps" / f"{name}.parquet")


@pytest.mark.slow
def test_the_groups_of_a_column_that_is_no_input_are_compared_by_what_sklearn_says_of_each(
    folder, lepton
):
    code, said, error = evaluate(lepton, folder, "evaluation.gaps.column=region")
    assert code == 0, error
    assert "groups of region: north (" in said
    assert "left out, too few rows: far (" in said
    assert "auroc/difference" not in said  # which stands in the table
    test = pd.read_parquet(folder / "predictions" / "test.parquet")
    region = make_loans(400, 0)["region"].to_numpy()[test["id"]]
    expected = {}
    for group in ("north", "south"):
        rows = test[region == group]
        decided = rows["prediction"] > 0.5
        table = confusion_matrix(rows["target"], decided)
        expected[group] = {
            "accuracy": accuracy_score(rows["target"], decided),
            "auroc": roc_auc_score(rows["target"], rows["prediction"]),
            "selection_rate": decided.mean(),
            "true_positive_rate": table[1, 1] / table[1].sum(),
            "false_positive_rate": table[0, 1] / table[0].sum(),
        }
    found = frame_of(folder, "gaps").set_index("metric")
    metrics = json.loads((folder / "result.json").read_text())["metrics"]
    for metric in expected["north"]:
        values = {group: of_group[metric] for group, of_group in expected.items()}
        row = found.loc[metric]
        assert row["largest"] == pytest.approx(max(values.values()))
        assert row["group_of_smallest"] == min(values, key=values.__getitem__)
        difference = max(values.values()) - min(values.values())
        assert row["difference"] == pytest.approx(difference)
        assert metrics[f"test@gaps/{metric}/difference"] == pytest.approx(difference)
        assert row["low"] <= row["difference"] <= row["high"] or np.isnan(row["low"])
    assert metrics["test@gaps/groups"] == 2
    rest = frame_of(folder, "against_rest").set_index(["metric", "group"])
    north, south = (rest.loc[("accuracy", group), "difference"] for group in ("north", "south"))
    assert north == pytest.approx(-south)
    assert frame_of(folder, "groups").set_index("group")["rows"].sum() == len(test)


@pytest.mark.slow
def test_decisions_are_those_of_the_rule_that_the_run_has(folder, lepton):
    words = ("evaluation=decision", "evaluation.decision.threshold=0.2", "resamples=0")
    assert lepton("evaluate", str(folder), *words)[0] == 0
    assert evaluate(lepton, folder, "evaluation.gaps.column=sex")[0] == 0
    test = pd.read_parquet(folder / "predictions" / "test.parquet")
    sex = make_loans(400, 0)["sex"].to_numpy()[test["id"]]

    def are_by(threshold):
        rates = [(test["prediction"][sex == group] > threshold).mean() for group in "fm"]
        row = frame_of(folder, "gaps").set_index("metric").loc["selection_rate"]
        return sorted(rates) == pytest.approx([row["smallest"], row["largest"]])

    assert are_by(0.2)
    assert not are_by(0.7)
    words = ("evaluation=decision", "evaluation.decision.threshold=0.7", "resamples=0")
    assert lepton("evaluate", str(folder), *words)[0] == 0  # gaps, which are not asked for, follow
    assert are_by(0.7)
    path = folder / "evaluation" / "gaps" / "gaps.parquet"
    written = path.stat().st_mtime_ns
    assert lepton("evaluate", str(folder), *words)[0] == 0
    assert path.stat().st_mtime_ns == written


@pytest.mark.slow
def test_groups_are_compared_by_weights_of_rows_and_rows_of_weight_0_make_no_group_large_enough(
    here, run_once, lepton
):
    frame = make_loans(400, 2)
    generator = np.random.default_rng(3)
    frame["region"] = generator.choice(["north", "south", "far"], 400, p=[0.4, 0.4, 0.2])
    frame["w"] = generator.choice([0.0, 0.5, 1.0, 4.0], 400)
    frame.loc[(frame["region"] == "far") & (np.arange(400) % 5 > 0), "w"] = 0
    frame.to_csv("weighed.csv", index=False)
    words = ("dataset=csv", "dataset.path=weighed.csv", "dataset.target=late", "dataset.weight=w")
    folder = run_once(*words, *SHORT)
    assert evaluate(lepton, folder, "evaluation.gaps.column=region")[0] == 0
    test = pd.read_parquet(folder / "predictions" / "test.parquet")
    test["region"] = frame["region"].to_numpy()[test["id"]]
    test["w"] = frame["w"].to_numpy()[test["id"]]
    groups = frame_of(folder, "groups").set_index("group")
    assert groups["rows"].to_dict() == test[test["w"] > 0]["region"].value_counts().to_dict()
    assert (test["region"] == "far").sum() >= 10 > groups.loc["far", "rows"]
    assert groups["compared"].to_dict() == {"far": False, "north": True, "south": True}
    expected = {group: weighed_metrics(test[test["region"] == group]) for group in groups.index}
    found = frame_of(folder, "gaps").set_index("metric")
    for metric in expected["far"]:
        values = [expected[group][metric] for group in ("north", "south")]
        row = found.loc[metric]
        assert [row["smallest"], row["largest"]] == pytest.approx(sorted(values))


def weighed_metrics(rows):
    """What sklearn says of decided rows by their weights."""
    decided, weight = rows["prediction"] > 0.5, rows["w"]
    table = confusion_matrix(rows["target"], decided, sample_weight=weight)
    return {
        "accuracy": accuracy_score(rows["target"], decided, sample_weight=weight),
        "auroc": roc_auc_score(rows["target"], rows["prediction"], sample_weight=weight),
        "selection_rate": table[:, 1].sum() / table.sum(),
        "true_positive_rate": table[1, 1] / table[1].sum(),
        "false_positive_rate": table[0, 1] / table[0].sum(),
    }


@pytest.mark.slow
def test_new_rows_are_compared_too_and_their_intervals_stand_in_the_file(folder, lepton):
    make_loans(150, 1).to_csv("new.csv", index=False)
    words = ("evaluation.gaps.column=region", "evaluation.gaps.metrics=[accuracy,auroc]")
    code, said, error = lepton(
        "evaluate", str(folder), "new.csv", *FEW, *words, "--csv", "scores.csv"
    )
    assert code == 0, error
    assert "groups of region" in said
    table = pd.read_csv("scores.csv").set_index("metric")
    row = table.loc["file@gaps/accuracy/difference"]
    assert 0 <= row["low"] <= row["value"] <= row["high"] <= 1
    assert not (folder / "evaluation" / "gaps").exists()
    code, _, error = lepton(
        "evaluate", str(folder), "new.csv", *WORDS, "evaluation.gaps.column=aex"
    )
    assert code == 2
    assert "column: new.csv: the data have no column 'aex'; did you mean 'sex'?" in error


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "column: null; name the column of the groups"),
        (("column=regoin",), "no column 'regoin'; did you mean 'region'?"),
        (("column=sex", "metrics=[acuracy]"), "no metric 'acuracy'; did you mean 'accuracy'?"),
        (("column=sex", "min_samples=70"), "two groups of 70 rows are needed"),
    ],
)
def test_what_cannot_be_compared_is_told_in_one_line(folder, lepton, words, message):
    code, _, error = evaluate(lepton, folder, *(f"evaluation.gaps.{word}" for word in words))
    assert code == 2
    assert message in error
    assert error.count("lepton:") == 1
    assert not (folder / "evaluation" / "gaps").exists()


def test_the_metrics_of_each_class_are_those_that_more_rows_of_a_class_do_not_change():
    task = Binary(make_spec("binary"), class_weights=None, monitor=None)
    of_class = {"balanced_accuracy", "auroc", "ks", "true_positive_rate", "false_positive_rate"}
    assert {*metrics_of_each_class(task)} == of_class
