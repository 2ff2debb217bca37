"""Thresholds are the best of all that could be tried, one by one."""

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, confusion_matrix, f1_score

from lepton.decision.choice import choose_rule
from lepton.decision.rule import DecisionRule
from lepton.decision.thresholds import best_threshold, less_cost
from lepton.errors import LeptonError

COSTS = np.array([[0.0, 1.0], [5.0, -0.5]])


def cost(y, decided):
    return (COSTS * confusion_matrix(y, decided, labels=[0, 1])).sum()


SCORES = {
    "f1": lambda y, decided: f1_score(y, decided, zero_division=0),
    "balanced": balanced_accuracy_score,
    "cost": lambda y, decided: -cost(y, decided),
}


def choose(p, y, threshold, task="binary", costs=COSTS):
    options = {"task": task, "threshold": threshold, "costs": costs, "calibration": "none"}
    return choose_rule(p, y, **options)


@pytest.mark.slow
@pytest.mark.parametrize("threshold", SCORES)
@pytest.mark.parametrize("decimals", [1, 9])  # with many equal probabilities, and without
def test_no_other_threshold_is_better_on_the_rows(threshold, decimals):
    for seed in range(20):
        generator = np.random.default_rng(seed)
        p = generator.uniform(size=50).round(decimals)
        y = (generator.uniform(size=50) < p**2).astype(int)
        rule = choose(p, y, threshold)
        score = SCORES[threshold]
        cuts = np.array([*p, *(p - 1e-12), 0.0])
        decisions = np.unique(p > cuts[:, None], axis=0).astype(int)
        tried = [score(y, decided) for decided in decisions]
        assert score(y, rule.decide(p)) == pytest.approx(max(tried))


def test_a_threshold_lies_halfway_between_two_probabilities():
    p, y = np.array([0.1, 0.2, 0.6, 0.9]), np.array([0, 0, 1, 1])
    assert choose(p, y, "f1").thresholds == (0.4,)
    assert choose(p, y, 0.3).thresholds == (0.3,)
    assert choose(p, y, "none").thresholds == (0.5,)


def test_rows_of_one_class_choose_nothing():
    p = np.array([0.1, 0.8])
    for y in ([0, 0], [1, 1]):
        assert choose(p, np.array(y), "f1").thresholds == (0.5,)


def test_where_probabilities_are_right_the_cheapest_threshold_is_that_of_the_costs():
    generator = np.random.default_rng(0)
    p = generator.uniform(size=400_000)
    y = (generator.uniform(size=len(p)) < p).astype(int)
    costs = np.array([[0, 1], [4, 0]])  # a positive is worth telling from 1 / (1 + 4) on
    assert best_threshold(p, y, less_cost(costs)) == pytest.approx(0.2, abs=0.01)


def test_each_label_has_its_own_threshold():
    generator = np.random.default_rng(0)
    p = generator.uniform(size=(80, 2))
    y = (generator.uniform(size=p.shape) < p**2).astype(int)
    rule = choose(p, y, "f1", "multilabel")
    each = [choose(p[:, i], y[:, i], "f1").thresholds[0] for i in (0, 1)]
    assert list(rule.thresholds) == each
    assert (rule.decide(p) == np.stack([p[:, i] > each[i] for i in (0, 1)], 1)).all()


def test_several_classes_are_decided_by_the_least_expected_cost():
    costs = np.array([[0, 1, 9], [2, 0, 3], [1, 4, 0.5]])
    p = np.random.default_rng(0).dirichlet([1, 1, 1], 50)
    rule = choose(p, np.arange(50) % 3, "cost", "multiclass", costs)
    for row, decided in zip(p, rule.decide(p), strict=True):
        expected = [sum(row[j] * costs[j, k] for j in range(3)) for k in range(3)]
        assert decided == np.argmin(expected)


def test_balanced_classes_are_weighed_by_how_rare_they_are():
    y = np.array([0] * 60 + [1] * 30 + [2] * 10)
    p = np.random.default_rng(0).dirichlet([6, 3, 1], 100)
    decided = choose(p, y, "balanced", "multiclass", None).decide(p)
    assert decided.tolist() == (p / [0.6, 0.3, 0.1]).argmax(1).tolist()
    with pytest.raises(LeptonError, match="threshold: f1 is for two classes, or labels"):
        choose(p, y, "f1", "multiclass", None)


@pytest.mark.parametrize("calibration", ["none", "temperature", "platt", "isotonic"])
@pytest.mark.parametrize("task", ["binary", "multiclass", "multilabel"])
def test_a_rule_comes_back_from_its_table_as_it_was(task, calibration):
    generator = np.random.default_rng(0)
    p = {
        "binary": generator.uniform(size=60),
        "multiclass": generator.dirichlet([1, 2, 3], 60),
        "multilabel": generator.uniform(size=(60, 12)),
    }[task]
    y = generator.integers(0, 3 if task == "multiclass" else 2, p.shape[: 2 - (p.shape[-1] == 3)])
    costs = COSTS if task != "multiclass" else generator.uniform(size=(3, 3))
    options = {"task": task, "threshold": "cost", "costs": costs}
    rule = choose_rule(p, y, calibration=calibration, **options)
    again = DecisionRule.of_table(rule.table())
    assert again.table().equals(rule.table())
    q = rule.probabilities(p)
    np.testing.assert_array_equal(again.probabilities(p), q)
    np.testing.assert_array_equal(again.decide(q), rule.decide(q))
    assert ("calibrated" in rule.describe()) == (calibration != "none")


def test_what_is_chosen_by_whole_weights_is_what_repeated_rows_choose():
    generator = np.random.default_rng(0)
    p = generator.uniform(size=(120, 3)).round(2)
    counts = generator.choice([0, 1, 3], 120)
    rows = np.repeat(np.arange(120), counts)
    class_p, class_y = p / p.sum(1, keepdims=True), generator.integers(0, 3, 120)
    cases = [("binary", p[:, 0], (generator.uniform(size=120) < p[:, 0]).astype(int))]
    cases += [("multilabel", p, (generator.uniform(size=p.shape) < p).astype(int))]
    differ = []
    for task, values, y in cases:
        for threshold in SCORES:
            options = {"task": task, "threshold": threshold, "costs": COSTS, "calibration": "none"}
            by_weights = choose_rule(values, y, counts.astype(float), **options)
            repeated = choose_rule(values[rows], y[rows], **options)
            assert by_weights.thresholds == pytest.approx(repeated.thresholds, abs=1e-12)
            differ.append(by_weights.thresholds != choose_rule(values, y, **options).thresholds)
    assert sum(differ) >= 4
    options = {"task": "multiclass", "threshold": "balanced", "costs": None, "calibration": "none"}
    by_weights = choose_rule(class_p, class_y, counts.astype(float), **options)
    repeated = choose_rule(class_p[rows], class_y[rows], **options)
    np.testing.assert_allclose(by_weights.costs, repeated.costs)
