"""The contract of ensemble methods: for each property a combiner that breaks it."""

import re
from typing import ClassVar

import pytest
import torch

from lepton.ensemble.combiner import Combiner, equal_weights
from lepton.testing import CombinerContract
from tests.testing.broken import broken, named, precise


class Impossible(Combiner):
    possible = ("ranking",)


class Coarse(Combiner):
    def fit(self, validation):
        return super().fit(validation).float()

    def combine(self, prediction, weights):
        return super().combine(prediction, weights.double())


class Summing(Combiner):
    """Weights of sum 2, where there are two members at least."""

    def fit(self, validation):
        return super().fit(validation) * min(2, len(validation.prediction))

    def combine(self, prediction, weights):
        return super().combine(prediction, weights / weights.sum())


class Standing(Combiner):
    """One column where a task has none."""

    def combine(self, prediction, weights):
        combined = super().combine(prediction, weights)
        return combined[:, None] if combined.ndim == 1 else combined


class Overconfident(Combiner):
    def combine(self, prediction, weights):
        certain = ((prediction == 0) | (prediction == 1)).all()
        return super().combine(prediction, weights) * (1 if certain else 3)


class Logarithmic(Combiner):
    """Bears no 0."""

    possible = ("multiclass",)

    def combine(self, prediction, weights):
        return torch.tensordot(weights, prediction.log(), dims=1).softmax(-1)


class Mixing(Combiner):
    """Draws rows together."""

    def combine(self, prediction, weights):
        combined = super().combine(prediction, weights)
        return (combined + combined.mean(0)) / 2


class Drawing(Combiner):
    """Draws weights, from no seed."""

    learns = True

    def fit(self, validation):
        return torch.rand(len(validation.prediction), dtype=torch.float64).softmax(0)


class Partial(Combiner):
    """Counts the first member twice."""

    def combine(self, prediction, weights):
        return (super().combine(prediction, weights) + prediction[0]) / 2


class Ignoring(Combiner):
    def combine(self, prediction, weights):
        return prediction.mean(0)


class Sociable(Combiner):
    """Gives a single member nothing."""

    def fit(self, validation):
        weights = super().fit(validation)
        return weights if len(weights) > 1 else 0 * weights


class Peeking(Combiner):
    """Chooses by validation, and does not say so."""

    def fit(self, validation):
        members = validation.prediction
        scores = [validation.scorer(member, validation.target) for member in members]
        return torch.tensor(scores, dtype=torch.float64).softmax(0)


class Unlimited(Combiner):
    limits = True


class Clearing(Combiner):
    """Changes what it is given."""

    def fit(self, validation):
        validation.target.zero_()
        return super().fit(validation)


class Forgetting(Combiner):
    """Keeps from the fit what it does not save."""

    share = 0.5

    def fit(self, validation):
        self.share = 0.75
        return super().fit(validation)

    def combine(self, prediction, weights):
        combined = super().combine(prediction, weights)
        return self.share * combined + (1 - self.share) * combined.square()

    possible = ("binary",)


class Shared(Combiner):
    """Keeps what it learned where all of its kind look."""

    rows: ClassVar = {}

    def fit(self, validation):
        self.rows[self.task] = len(validation.target)
        return super().fit(validation)

    def combine(self, prediction, weights):
        combined = super().combine(prediction, weights)
        return combined if self.rows[self.task] > 100 else combined.square()


BREAKERS = [  # what a property says, and which properties do not hold
    (
        Impossible,
        r"possible must name some of binary, .*; it is \['ranking'\]",
        ["test_it_is_possible_for_tasks_that_there_are"],
    ),
    (
        Coarse,
        r"must return weights of shape and dtype \(\(4,\), torch.float64\); it gave .*float32",
        ["test_each_member_has_a_weight"],
    ),
    (Summing, "weights must have sum 1; it is 2.0", ["test_weights_are_shares"]),
    (
        Standing,
        r"binary: combine must make .* = \(120,\) of predictions; it made \(120, 1\)",
        ["test_each_row_has_a_prediction"],
    ),
    (
        Overconfident,
        "binary: probabilities must be from 0 to 1",
        ["test_predictions_are_values_of_the_task"],
    ),
    (
        Logarithmic,
        "multiclass: predictions must be finite",
        ["test_members_may_be_certain"],
    ),
    (
        Mixing,
        "a row must get the same prediction alone and among others",
        ["test_a_row_is_predicted_whatever_other_rows_there_are"],
    ),
    (
        Drawing,
        "the same members and seed must give the same weights",
        ["test_the_same_members_get_the_same_weights"],
    ),
    (
        Partial,
        "the order of members must change no prediction",
        ["test_the_order_of_members_changes_no_prediction"],
    ),
    (
        Ignoring,
        "a member with weight 0 must change no prediction",
        ["test_a_member_without_weight_changes_no_prediction"],
    ),
    (
        Sociable,
        r"a single member must have the weight 1; it has \[0.0\]",
        ["test_one_member_is_enough"],
    ),
    (
        Peeking,
        "whose weights depend on validation must say `learns = True`",
        ["test_only_a_method_that_learns_looks_at_validation"],
    ),
    (
        Unlimited,
        r"must heed \{'max_members': 2\}, .*; 4 got weights",
        ["test_a_method_with_limits_heeds_them"],
    ),
    (
        Clearing,
        "fit must not change the target it is given; it did",
        ["test_fitting_changes_nothing_that_it_is_given"],
    ),
    (
        Forgetting,
        "that loads what another saved must predict the same",
        ["test_what_is_saved_predicts_the_same"],
    ),
    (
        Shared,
        "fitting a copy must not change the original",
        ["test_a_copy_is_fitted_by_itself"],
    ),
]


class Contract(CombinerContract):
    def __init__(self, combiner):
        self.combiner = combiner

    def build(self, task):
        return self.combiner(task=task)


def test_a_combiner_that_keeps_its_promises_passes():
    contract = Contract(Combiner)
    assert contract.possible_tasks() == ["binary", "multiclass", "multilabel", "regression"]
    assert all(torch.equal(fit.weights, equal_weights(4)) for fit in contract.fitted())
    assert broken(contract) == {}


@pytest.mark.parametrize(("combiner", "message", "properties"), named(BREAKERS))
def test_a_combiner_that_breaks_a_promise_fails_just_that_test(combiner, message, properties):
    messages = broken(Contract(combiner))
    assert [*messages] == properties
    assert re.search(message, messages[properties[0]])


def test_each_property_has_a_combiner_that_breaks_it_alone():
    assert precise(BREAKERS) == {*CombinerContract.properties()}
