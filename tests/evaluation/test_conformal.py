"""The evaluator `conformal`: sets and intervals that hold what comes as often as they state."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from lepton.errors import LeptonError
from lepton.evaluation.conformal import Conformal
from lepton.evaluation.conformal_scores import likelier_mass
from lepton.example import make_spec
from lepton.storage.predictions import SplitPredictions
from lepton.task.multiclass import Multiclass
from lepton.task.regression import Regression
from lepton.testing import EvaluatorContract
from tests.quick import more_and_more

CLASSES = Multiclass(make_spec("multiclass"), class_weights=None, monitor=None)
QUANTITY = Regression(make_spec("regression"), class_weights=None, monitor=None)


def conformal(**values):
    return Conformal(
        **{"alpha": 0.1, "column": None, "by_group": False, "number_bins": 4, **values}
    )


class TestConformal(EvaluatorContract):
    def build(self):
        return conformal(column="num_0", by_group=True, number_bins=2)


def model_of(task, val, test, groups=((), ())):
    """What `conformal` asks of a model; `val` and `test` are predictions and what came."""
    rows = [
        SplitPredictions(torch.arange(len(y)), torch.tensor(y), torch.tensor(p))
        for p, y in (val, test)
    ]
    inputs = [
        SimpleNamespace(column=lambda name, values=values: pd.Series(values)) for values in groups
    ]
    return SimpleNamespace(
        task=task,
        **{"validation": rows[0], "predictions": rows[1]},
        **{"validation_inputs": inputs[0], "inputs": inputs[1]},
    )


def classes_drawn(rows, generator):
    """Probabilities that are wrong, and classes."""
    right = generator.dirichlet([0.6] * 3, rows)
    came = (right.cumsum(1) < generator.uniform(size=(rows, 1))).sum(1)
    told = right**2 * generator.uniform(0.5, 1, size=(rows, 3))
    return told / told.sum(1, keepdims=True), came


def quantities_drawn(rows, generator):
    ahead = generator.normal(size=rows)
    return ahead, ahead + generator.standard_t(3, size=rows) * (1 + ahead**2)


@pytest.mark.parametrize("tries", more_and_more(400, 4000))
@pytest.mark.parametrize(
    ("task", "drawn", "scores"),
    [(CLASSES, classes_drawn, ("lac", "aps")), (QUANTITY, quantities_drawn, ("residual",))],
)
def test_coverage_over_many_data_sets_is_what_was_stated(task, drawn, scores, tries):
    generator, rows = np.random.default_rng(0), 40
    found = {score: [] for score in scores}
    for seed in range(tries):
        model = model_of(task, drawn(49, generator), drawn(rows, generator))
        metrics = conformal(alpha=0.2).evaluate(model, seed).metrics
        for score in scores:
            found[score].append(metrics[f"{score}/coverage"])
    for coverages in found.values():  # 50 * 0.8 is a whole number: no more than stated either
        error = np.std(coverages) / np.sqrt(tries)
        assert abs(np.mean(coverages) - 0.8) < 4 * error


def test_sets_of_lac_are_the_classes_above_one_probability():
    generator = np.random.default_rng(2)
    (p, came), test = classes_drawn(200, generator), classes_drawn(100, generator)
    evaluation = conformal().evaluate(model_of(CLASSES, (p, came), test), 0)
    own = np.sort(p[np.arange(200), came])
    least = own[200 - int(np.ceil(201 * 0.9))]  # 180 of the 200 are above it, or it
    expected = test[0] >= least - 1e-12
    sets = evaluation.frames["sets"]
    names = np.array(CLASSES.spec.classes)
    assert sets["lac_set"].tolist() == [", ".join(names[held]) for held in expected]
    assert evaluation.metrics["lac/size"] == pytest.approx(expected.sum(1).mean())


def test_the_score_of_aps_is_the_probability_of_likelier_classes_and_a_share_of_its_own():
    p, chance = np.array([[0.2, 0.5, 0.3], [0.1, 0.1, 0.8]]), np.array([[0.5], [1.0]])
    expected = [[0.8 + 0.1, 0.25, 0.5 + 0.15], [0.9, 1.0, 0.8]]
    np.testing.assert_allclose(likelier_mass(p, chance), expected)


def test_intervals_of_a_quantity_are_as_wide_as_validation_errs():
    generator = np.random.default_rng(4)
    (ahead, came), (told, later) = (quantities_drawn(n, generator) for n in (99, 50))
    evaluation = conformal().evaluate(model_of(QUANTITY, (ahead, came), (told, later)), 0)
    half = np.sort(np.abs(ahead - came))[89]  # the 90th of 99
    sets = evaluation.frames["sets"]
    np.testing.assert_allclose(sets["residual_low"], told - half)
    np.testing.assert_allclose(sets["residual_high"], told + half)
    assert evaluation.metrics["residual/width"] == pytest.approx(2 * half)
    inside = np.abs(told - later) <= half
    assert evaluation.metrics["residual/coverage"] == pytest.approx(inside.mean())


def grouped(rows, generator):
    """Quantities of which those of group b are told far worse."""
    groups = generator.choice(list("aab"), rows)
    ahead = generator.normal(size=rows)
    return (ahead, ahead + generator.normal(size=rows) * np.where(groups == "b", 5, 1)), groups


@pytest.mark.slow
def test_each_group_has_the_coverage_where_each_is_calibrated_and_only_then():
    generator = np.random.default_rng(6)
    found = {by_group: {"a": [], "b": []} for by_group in (False, True)}
    for seed in range(40):
        (val, of_val), (test, of_test) = grouped(300, generator), grouped(200, generator)
        model = model_of(QUANTITY, val, test, (of_val, of_test))
        for by_group, of_groups in found.items():
            evaluation = conformal(column="c", by_group=by_group).evaluate(model, seed)
            table = evaluation.frames["groups"].set_index("group")
            for group in "ab":
                assert table.loc[group, "n"] == (of_test == group).sum()
                of_groups[group].append(table.loc[group, "coverage"])
    assert np.mean(found[False]["b"]) < 0.8
    assert np.mean(found[False]["a"]) > 0.93
    for coverages in found[True].values():
        error = np.std(coverages) / np.sqrt(len(coverages))
        assert -3 * error < np.mean(coverages) - 0.9 < 0.015 + 3 * error


def test_too_few_validation_rows_are_told():
    generator = np.random.default_rng(7)
    rows = quantities_drawn(18, generator)
    with pytest.raises(LeptonError, match=r"alpha: 0\.05 takes 19 validation rows; there are 18"):
        conformal(alpha=0.05).evaluate(model_of(QUANTITY, rows, rows), 0)
    groups = (["a"] * 15 + ["b"] * 3,) * 2
    with pytest.raises(
        LeptonError, match=r"takes 9 validation rows a group; .* of c .* 3 together"
    ):
        conformal(column="c", by_group=True).evaluate(model_of(QUANTITY, rows, rows, groups), 0)
