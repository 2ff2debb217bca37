"""The evaluator `shift`: the worst group of a column, and periods of a time."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import accuracy_score, log_loss

from lepton.errors import LeptonError
from lepton.evaluation.shift import Shift
from lepton.example import make_spec
from lepton.storage.predictions import SplitPredictions
from lepton.task.binary import Binary
from lepton.testing import EvaluatorContract

TASK = Binary(make_spec("binary"), class_weights=None, monitor=None)


def shift(**values):
    defaults = {"column": None, "time": None, "periods": 4, "min_samples": 10, "number_bins": 4}
    return Shift(**{**defaults, "metrics": None, "resamples": 20, **values})


class TestShift(EvaluatorContract):
    def build(self):
        return shift(column="cat_0", time="num_0", min_samples=4)


@pytest.fixture
def model():
    """Rows that are told worse from year to year, and of which those of b are told worst."""
    generator = np.random.default_rng(0)
    years = generator.integers(2010, 2020, 400)
    groups = np.array(generator.choice(["a", "b", "c", "d"], 400, p=[0.4, 0.4, 0.19, 0.01]))
    target = generator.integers(0, 2, 400)
    wrong = generator.uniform(size=400) < 0.05 * (years - 2010) + 0.2 * (groups == "b")
    prediction = np.where(wrong, 1 - target, target) * 0.8 + 0.1
    frame = pd.DataFrame({"group": groups, "year": years, "day": [f"{y}-03-01" for y in years]})
    rows = SplitPredictions(
        torch.arange(400), torch.tensor(target).float(), torch.tensor(prediction)
    )
    inputs = SimpleNamespace(column=lambda name: frame[name])
    return SimpleNamespace(task=TASK, predictions=rows, inputs=inputs, frame=frame)


def test_no_metric_is_refused_and_is_not_all_of_them():
    with pytest.raises(ValueError, match=r"^metrics: \[\] are none"):
        shift(column="group", metrics=[])


@pytest.mark.slow
def test_the_worst_group_has_the_metrics_of_its_rows(model):
    evaluation = shift(column="group").evaluate(model, 0)
    inside = (model.frame["group"] == "b").to_numpy()
    y, p = (v.numpy()[inside] for v in (model.predictions.target, model.predictions.prediction))
    assert evaluation.metrics["worst/accuracy"] == pytest.approx(accuracy_score(y, p > 0.5))
    assert evaluation.metrics["worst/log_loss"] == pytest.approx(log_loss(y, p))
    table = evaluation.frames["groups"]
    accuracies = table[table["metric"] == "accuracy"].set_index("group")["value"]
    assert {*accuracies.index} == {*"abc"}  # d is too small
    gap = accuracies.max() - accuracies.min()
    assert evaluation.metrics["accuracy/difference"] == pytest.approx(gap)
    assert table.loc[~table["compared"], "group"].tolist() == ["d"]


@pytest.mark.slow
@pytest.mark.parametrize("column", ["year", "day"])
def test_periods_hold_as_many_rows_each_and_no_year_is_divided(model, column):
    evaluation = shift(time=column).evaluate(model, 0)
    table = evaluation.frames["periods"]
    table = table[table["metric"] == "accuracy"]
    years, seen = model.frame["year"], 0
    for row in table.itertuples():
        first, last = (int(side[:4]) for side in row.group.split(" to "))
        inside = years.between(first, last).to_numpy()
        assert row.n == inside.sum()
        y, p = (v.numpy()[inside] for v in (model.predictions.target, model.predictions.prediction))
        assert row.value == pytest.approx(accuracy_score(y, p > 0.5))
        seen += row.n
    assert seen == 400
    assert evaluation.metrics["last/accuracy"] == table["value"].iloc[-1]
    assert evaluation.metrics["trend/accuracy"] < 0
    limits = shift(time=column).intervals(evaluation.frames)["trend/accuracy"]
    assert limits[1] < 0  # it is told from chance


def test_what_makes_no_groups_and_no_periods_is_told(model):
    model.frame["one"], model.frame["word"] = 1, "x"
    with pytest.raises(LeptonError, match="column one: two groups of 10 rows are needed"):
        shift(column="one").evaluate(model, 0)
    with pytest.raises(LeptonError, match="time one: rows of two different times are needed"):
        shift(time="one").evaluate(model, 0)
    with pytest.raises(LeptonError, match=r"time word: .*'x'"):
        shift(time="word").evaluate(model, 0)
    with pytest.raises(ValueError, match="column: null and time: null; name one"):
        shift()
