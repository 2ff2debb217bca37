"""The evaluator `smoothing`: certified radii, held to the closed form of a linear model."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.special import ndtr, ndtri
from scipy.stats import binomtest

from lepton.dataset.inputs.example_table import table_fields
from lepton.errors import LeptonError
from lepton.evaluation.smoothing import Smoothing
from lepton.example import make_spec, make_text_spec
from lepton.stats.exact_share import exact_lower_limit
from lepton.task.binary import Binary
from lepton.testing import EvaluatorContract

SPEC = make_spec("binary", cardinalities=())
TASK = Binary(SPEC, class_weights=None, monitor=None)
SLOPES, OFFSET = torch.tensor([1.5, -2.0, 0.5]), 0.3


def smoothing(**values):
    defaults = {"sigma": 0.4, "draws": 400, "select_draws": 20, "alpha": 0.01, "rows": 60}
    return Smoothing(**{**defaults, "radii": [0.1, 0.5], **values})


class TestSmoothing(EvaluatorContract):
    def build(self):
        return smoothing(draws=30, rows=20)


class TestSmoothingOfPictures(EvaluatorContract):
    overrides = (
        *("dataset=digits", "dataset.fraction=0.3", "model=cnn_small", "trainer=cpu"),
        *("trainer.max_epochs=1", "trainer.progress=false"),
    )

    def build(self):
        return smoothing(draws=25, rows=8)


@pytest.fixture
def model():
    """A linear model of three numbers, and rows on both sides of its plane."""
    generator = torch.Generator().manual_seed(0)
    num = torch.randn(60, 3, generator=generator)
    logits = num @ SLOPES + OFFSET
    target = (logits + torch.randn(60, generator=generator) > 0).float()

    def predict(rows):
        return torch.sigmoid(rows["num"] @ SLOPES + OFFSET)

    rows = {"num": num, "target": target, "id": torch.arange(60)}
    return SimpleNamespace(
        **{"task": TASK, "spec": SPEC, "rows": rows, "learner": SimpleNamespace(predict=predict)}
    )


@pytest.mark.slow
@pytest.mark.parametrize("sigma", [0.2, 1.0])
def test_a_linear_models_radius_is_the_distance_to_its_plane_within_the_limit_of_what_was_drawn(
    model, sigma
):
    evaluation = smoothing(sigma=sigma, draws=2000, select_draws=400).evaluate(model, 0)
    table = evaluation.frames["rows"].set_index("id")
    margin = (model.rows["num"] @ SLOPES + OFFSET).numpy()[table.index]
    distance = np.abs(margin) / SLOPES.norm().item()
    sides = np.where(margin > 0, SPEC.classes[1], SPEC.classes[0])
    assert (table["class"] == sides)[~table["abstained"]].all()
    assert (table["radius"] <= distance + 1e-9).mean() > 0.95  # each is too far in 1 of 100 cases
    share = ndtr(distance / sigma)
    votes = np.maximum(2000 * share - 5 * np.sqrt(2000 * share * (1 - share)) - 2, 1)
    least = sigma * ndtri(np.maximum(exact_lower_limit(votes, 2000, 0.01), 0.5))
    is_clear = distance > 0.3 * sigma  # where 400 draws guess the class
    assert is_clear.sum() > 40
    assert (table["radius"] >= least - 1e-9)[is_clear].all()


def test_accuracies_count_rows_that_are_right_and_certified_so_far(model):
    evaluation = smoothing().evaluate(model, 0)
    table, metrics = evaluation.frames["rows"], evaluation.metrics
    right = (table["class"] == table["target"]) & ~table["abstained"]
    assert metrics["accuracy"] == pytest.approx(right.mean())
    assert metrics["radius_0.5/accuracy"] == pytest.approx(
        (right & (table["radius"] >= 0.5)).mean()
    )
    assert metrics["radius"] == pytest.approx((table["radius"] * right).mean())
    assert metrics["accuracy"] >= metrics["radius_0.1/accuracy"] >= metrics["radius_0.5/accuracy"]
    assert 0 < metrics["abstained"] < 0.5  # some rows lie at the plane


def test_noise_on_texts_and_on_several_kinds_is_refused():
    words = replace(make_text_spec("binary"), **table_fields(2, ()))
    for spec, line in ((make_text_spec("binary"), "of the kind text"), (words, "table, text, of")):
        task = Binary(spec, class_weights=None, monitor=None)
        with pytest.raises(LeptonError, match=f"sigma: inputs are .*{line}"):
            smoothing().check(task)


@pytest.mark.parametrize("successes", [0, 1, 40, 99, 100])
def test_the_limit_of_a_share_is_that_of_scipy(successes):
    exact = binomtest(successes, 100, alternative="greater").proportion_ci(0.99, method="exact")
    assert exact_lower_limit(successes, 100, 0.01) == pytest.approx(exact.low)
