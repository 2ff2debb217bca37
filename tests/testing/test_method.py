"""The contract of methods: for each property a method that breaks it."""

import re

import numpy as np
import pytest
import torch
from pytorch_lightning.callbacks import LambdaCallback
from torch import nn

from lepton.method import Method, StackedMethod
from lepton.testing import MethodContract, check_method
from tests.testing.broken import broken, named, precise


class Nothing(Method):
    def prepare(self, model, spec):
        return None


class Misnamed(Method):
    stackable = ("rate",)


class Exploding(Method):
    """The loss is no number from the second epoch on."""

    def on_epoch(self, model, epoch):
        self.epoch = epoch

    def penalty(self, model):
        return torch.tensor(torch.nan if self.epoch else 0.0)


class Growing(Method):
    def before_step(self, model, optimizer):
        if not hasattr(model, "late"):
            model.late = nn.Parameter(torch.ones(1))


class Frozen(Method):
    """Undoes every step."""

    def before_step(self, model, optimizer):
        self.before = [p.detach().clone() for p in model.parameters()]

    @torch.no_grad()
    def after_step(self, model, optimizer):
        for parameter, value in zip(model.parameters(), self.before, strict=True):
            parameter.copy_(value)


class Thawing(Method):
    @torch.no_grad()
    def after_step(self, model, optimizer):
        for parameter in model.parameters():
            parameter.mul_(0.99)


class Lingering(Method):
    """Scales the logits from the end of training on."""

    def prepare(self, model, spec):
        self.factor = 1.0
        model.register_forward_hook(lambda m, i, logits: logits * self.factor)
        return model

    def callbacks(self):
        return [LambdaCallback(on_train_end=lambda *_: setattr(self, "factor", 2.0))]


class Warming(Method):
    """Shrinks the weights more from step to step, and forgets the steps with the process."""

    steps = 0

    @torch.no_grad()
    def after_step(self, model, optimizer):
        self.steps += 1
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.mul_(1 - 0.001 * self.steps)


class Global(Method):
    """Adds noise of numpy's to the loss."""

    def loss(self, model, task, batch, loss):
        return loss + 0 * np.random.rand()


class Halved(Method):
    """Halves the gradients of a run alone, and leaves those of a stack as they are."""

    def before_step(self, model, optimizer):
        for parameter in model.parameters():
            if parameter.grad is not None:
                parameter.grad *= 0.01

    @classmethod
    def stacked(cls, members):
        return StackedMethod(members)


BREAKERS = [  # what a property says, and which properties do not hold
    (
        Nothing,
        "prepare must return the model to train; it returned None",
        ["test_prepare_returns_the_model_to_train"],
    ),
    (
        Misnamed,
        r"stackable must name attributes, .*; \['rate'\] are none of Misnamed",
        ["test_stackable_names_attributes"],
    ),
    (
        Exploding,
        "loss must be finite; the training loss is nan in epoch 2, batch 1",
        ["test_the_training_loss_is_finite"],
    ),
    (
        Growing,
        r"not change which parameters there are; \['late'\] came or went",
        ["test_training_keeps_the_parameters_there_are"],
    ),
    (
        Frozen,
        r"trainable parameters must move; \['blocks",
        ["test_trainable_parameters_move"],
    ),
    (
        Thawing,
        r"frozen parameters must not move; \['inputs.categories.table.weight'\] did",
        ["test_frozen_parameters_stay"],
    ),
    (
        Lingering,
        "must score as in its epoch",
        ["test_the_model_that_stays_scores_as_in_its_epoch"],
    ),
    (
        Warming,
        r"stopped must go on as if it had not been, .*; \['blocks.* differ at the end",
        ["test_a_stopped_training_goes_on_exactly"],
    ),
    (
        Global,
        "from `draw` alone, which is the run's own; they drew from numpy",
        ["test_it_draws_from_its_own_stream_alone"],
    ),
    (
        Halved,
        "must end in a stack as alone, .* predictions differ by",
        ["test_a_member_of_a_stack_ends_as_the_run_alone"],
    ),
]


class Contract(MethodContract):
    overrides = ("dataset=synthetic", "dataset.rows=120", "trainer.max_epochs=2")

    def __init__(self, method):
        self.method = method

    def build(self):
        return self.method()


@pytest.mark.slow
def test_a_method_that_does_nothing_passes():
    assert broken(Contract(Method)) == {}


@pytest.mark.slow
@pytest.mark.parametrize(("method", "message", "properties"), named(BREAKERS, 4))
def test_a_method_that_breaks_a_promise_fails_just_that_test(method, message, properties):
    messages = broken(Contract(method))
    assert [*messages] == properties
    assert re.search(message, messages[properties[0]])


def test_each_property_has_a_method_that_breaks_it_alone():
    assert precise(BREAKERS) == {*MethodContract.properties()}


@pytest.mark.slow
def test_check_method_says_which_promise_was_broken():
    with pytest.raises(AssertionError, match="stackable must name attributes"):
        check_method(Misnamed())


def test_words_change_what_is_trained():
    class Wider(Contract):
        overrides = ("model=linear", "dataset=wine", "trainer.max_epochs=1")

    training = Wider(Method).training()
    assert type(training.learner.model).__name__ == "Linear"
    assert training.learner.spec.task == "multiclass"
    assert len(training.learner.history) == 1
    Wider.teardown_class()


def test_a_model_without_gradients_is_refused():
    class Trees(Contract):
        overrides = ("model=gradient_boosting",)

    with pytest.raises(AssertionError, match="trained by gradients"):
        Trees(Method).training()
