"""The evaluator `slices`: what it says of each slice, and how often it is wrong by chance."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import accuracy_score, log_loss

from lepton.errors import ConfigError
from lepton.evaluation.slices import Slices
from lepton.example import make_spec
from lepton.storage.predictions import SplitPredictions
from lepton.task.binary import Binary
from lepton.testing import EvaluatorContract

TASK = Binary(make_spec("binary"), class_weights=None, monitor=None)


def slices(**values):
    return Slices(**{"min_samples": 8, "number_bins": 4, "level": 0.05, "metrics": None, **values})


class TestSlices(EvaluatorContract):
    def build(self):
        return slices()


def model_of(frame, prediction, target):
    """What `slices` asks of a model."""
    ids, *values = map(torch.tensor, (range(len(frame)), prediction, target))
    predictions = SplitPredictions(ids, values[1].float(), values[0])
    return SimpleNamespace(
        predictions=predictions, inputs=SimpleNamespace(slice_columns=frame), task=TASK
    )


@pytest.fixture
def model():
    """Predictions that are noise where job is b, and right elsewhere."""
    generator = np.random.default_rng(0)
    frame = pd.DataFrame({"job": generator.choice(list("abc"), 300)})
    target = generator.integers(0, 2, 300)
    noise = generator.uniform(0.02, 0.98, 300)
    return model_of(frame, np.where(frame["job"] == "b", noise, 0.1 + 0.8 * target), target)


def test_each_slice_has_the_metrics_of_its_rows(model):
    evaluation = slices().evaluate(model, 0)
    table = evaluation.frames["slices"].set_index("slice")
    jobs, clean = model.inputs.slice_columns["job"], model.predictions
    for job in "abc":
        inside = torch.tensor((jobs == job).tolist())
        target, prediction = clean.target[inside].numpy(), clean.prediction[inside].numpy()
        row = table.loc[f"job = {job}"]
        assert row["n"] == inside.sum()
        assert row["accuracy"] == pytest.approx(accuracy_score(target, prediction > 0.5))
        assert row["log_loss"] == pytest.approx(log_loss(target, prediction), abs=1e-6)
    assert evaluation.metrics["slices"] == evaluation.metrics["different"] == 3
    assert evaluation.metrics["worst/accuracy"] == table.loc["job = b", "accuracy"]


def test_without_a_slice_that_errs_more_beyond_chance_the_worst_is_all_of_them():
    target = np.arange(200) % 2
    frame = pd.DataFrame({"half": np.repeat(["first", "second"], 100)})
    evaluation = slices().evaluate(model_of(frame, 0.2 + 0.6 * target, target), 0)
    assert evaluation.metrics["different"] == 0
    assert evaluation.metrics["worst/log_loss"] == pytest.approx(-np.log(0.8), abs=1e-6)


def test_metrics_sizes_and_ranges_can_be_chosen(model):
    model.inputs.slice_columns["age"] = np.arange(300) * 1.0
    chosen = slices(metrics=["brier"], number_bins=2, min_samples=120).evaluate(model, 0)
    assert set(chosen.metrics) == {"slices", "different", "worst/brier"}
    assert all(name.startswith("age") for name in chosen.frames["slices"]["slice"])
    assert chosen.metrics["slices"] == 2


# with a chance of 0.05 in each table, more than so many come in 1 of 100 cases
NULLS = [(0.05, 20, 4), (0.05, 60, 7), (0.05, 200, 18), (0.3, 200, 18)]


@pytest.mark.slow
@pytest.mark.parametrize(("rate", "tables", "most"), NULLS)
def test_where_nothing_differs_a_slice_is_said_to_in_at_most_5_of_100_tables(rate, tables, most):
    generator = np.random.default_rng(1)
    alarms = 0
    for _ in range(tables):
        frame = pd.DataFrame(
            {
                "number": generator.normal(size=150),
                "few": generator.choice(list("abcdefgh"), 150, p=[0.3, 0.2, 0.2, 0.1, *[0.05] * 4]),
                "two": generator.choice(list("xy"), 150, p=[0.93, 0.07]),
            }
        )
        wrong = generator.uniform(size=150) < rate
        model = model_of(frame, np.where(wrong, 0.9, 0.1), np.zeros(150))
        alarms += slices(metrics=["accuracy"]).evaluate(model, 0).metrics["different"] > 0
    assert alarms <= most


def test_values_that_it_refuses_are_told_before_the_training(here, run):
    with pytest.raises(
        ConfigError, match=r"evaluation\.slices\.level: 7 is not float, between 0 and 1"
    ):
        run("dataset=wine", "model=linear", "evaluation=slices", "evaluation.slices.level=7")
    assert not list(here.rglob("history.parquet"))
