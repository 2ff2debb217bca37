"""Greedy selection, against a plain recalculation and against what two other packages choose."""

import numpy as np
import pytest
import torch
from sklearn.metrics import log_loss, root_mean_squared_error

from lepton.ensemble.combiner import ValidationPredictions
from lepton.ensemble.greedy import Greedy
from lepton.errors import ConfigError
from lepton.seeds import derive
from lepton.testing.members import made_up_scorer

ONE_BAG = {"size": 40, "initial": 1, "bags": 1, "bag_share": 1.0, "library": 100}


def matrix(seed, classes, members=8, rows=60):
    """Targets, and probabilities of members of which some know more than others."""
    draw = np.random.RandomState(seed)
    y = draw.randint(0, classes, rows)
    odds = np.eye(classes)[y][None] * draw.uniform(0.5, 2, (members, 1, 1))
    p = np.exp(odds + draw.normal(0, 1.5, (members, rows, classes)))
    return y, p / p.sum(-1, keepdims=True)


def validation_of(y, p, task, **limits):
    limits = {"max_members": None, "max_size": None, "seed": 0} | limits
    p = torch.tensor(p[..., 1] if task == "binary" else p)
    metric = "rmse" if task == "regression" else "log_loss"
    return ValidationPredictions(
        p, torch.tensor(y), made_up_scorer(task, metric), [10] * len(p), **limits
    )


def weights_in_order(validation, task, **settings):
    """Weights for members in the order given, though the method wants the best first."""
    scores = [validation.scorer(p, validation.target) for p in validation.prediction]
    order = sorted(range(len(scores)), key=lambda i: -scores[i])
    chosen = Greedy(task=task, **ONE_BAG | settings).fit(validation.only(order))
    return dict(sorted(zip(order, chosen.tolist(), strict=True)))


def naive(y, p, loss, *, size, initial, candidates):
    """Caruana's algorithm with lists and means, as the paper tells it."""
    bag = sorted(candidates, key=lambda i: loss(y, p[i]))[:initial]
    history = [(loss(y, np.mean([p[i] for i in bag], axis=0)), list(bag))]
    while len(bag) < size:
        bag = min(
            ([*bag, i] for i in candidates),
            key=lambda b: (loss(y, np.mean([p[i] for i in b], axis=0)), b[-1] not in b[:-1]),
        )
        history.append((loss(y, np.mean([p[i] for i in bag], axis=0)), bag))
    best = min(history, key=lambda item: item[0])[1]
    return np.bincount(best, minlength=len(p)) / len(best)


# AutoGluon 1.6.3 (EnsembleSelection, ensemble_size=40) and pytabkit 1.7.3
# (CaruanaEnsembleAlgInterface, n_caruana_steps=40), log loss, on matrix(0, classes)
@pytest.mark.parametrize(
    ("classes", "task", "times_chosen"),
    [
        (2, "binary", [0, 11, 1, 2, 0, 0, 23, 0]),
        (3, "multiclass", [21, 3, 0, 0, 13, 3, 0, 0]),
    ],
)
def test_it_takes_what_autogluon_and_pytabkit_take(classes, task, times_chosen):
    weights = weights_in_order(validation_of(*matrix(0, classes), task), task)
    assert list(weights.values()) == pytest.approx(
        np.array(times_chosen) / sum(times_chosen), abs=1e-12
    )


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("initial", [1, 3])
@pytest.mark.parametrize(("classes", "task"), [(2, "binary"), (3, "multiclass")])
def test_it_is_the_naive_selection(classes, task, initial, seed):
    y, p = matrix(seed, classes)
    weights = weights_in_order(validation_of(y, p, task), task, initial=initial, size=15)
    expected = naive(y, p, log_loss, size=15, initial=initial, candidates=range(8))
    assert list(weights.values()) == pytest.approx(expected, abs=1e-12)


def test_numbers_are_selected_by_rmse():
    draw = np.random.default_rng(3)
    y = draw.normal(size=50)
    p = y + draw.normal(0, [[0.5], [0.7], [0.6], [2.0]], (4, 50))
    weights = weights_in_order(validation_of(y, p, "regression"), "regression", size=12)
    expected = naive(y, p, root_mean_squared_error, size=12, initial=1, candidates=range(4))
    assert list(weights.values()) == pytest.approx(expected, abs=1e-12)


@pytest.mark.slow
def test_bags_are_selections_among_random_members_averaged():
    y, p = matrix(1, 2)
    weights = weights_in_order(
        validation_of(y, p, "binary", seed=7), "binary", bags=4, bag_share=0.5
    )
    order = sorted(range(8), key=lambda i: log_loss(y, p[i]))
    draw = np.random.default_rng(derive(7, "bags"))
    candidates = [[order[i] for i in draw.choice(8, 4, replace=False)] for _ in range(4)]
    expected = [naive(y, p, log_loss, size=40, initial=1, candidates=t) for t in candidates]
    assert len({tuple(sorted(t)) for t in candidates}) > 1
    assert list(weights.values()) == pytest.approx(np.mean(expected, axis=0), abs=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("bags", [1, 5])
@pytest.mark.parametrize(
    ("limits", "most_members"),
    [({"max_members": 2}, 2), ({"max_size": 35}, 3), ({"max_members": 1}, 1)],
)
def test_limits_hold_and_weights_sum_to_one(limits, most_members, bags):
    validation = validation_of(*matrix(2, 3), "multiclass", **limits)
    chosen = weights_in_order(validation, "multiclass", bags=bags, bag_share=0.6).values()
    assert 1 <= sum(w > 0 for w in chosen) <= most_members
    assert sum(chosen) == pytest.approx(1)


def test_of_the_library_only_the_best_may_join():
    y, p = matrix(4, 2)
    order = sorted(range(8), key=lambda i: log_loss(y, p[i]))
    weights = weights_in_order(validation_of(y, p, "binary"), "binary", library=3)
    assert {i for i, w in weights.items() if w} <= set(order[:3])


def test_values_out_of_range_are_told_at_once():
    with pytest.raises(ConfigError) as e:
        Greedy(task="binary", **ONE_BAG | {"size": 0, "bag_share": 1.5})
    assert [line.partition(":")[0] for line in e.value.problems] == [
        "method.size",
        "method.bag_share",
    ]
