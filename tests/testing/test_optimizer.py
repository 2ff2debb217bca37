"""The contract of optimizers: for each property an optimizer that breaks it."""

import re
from typing import ClassVar

import pytest
import torch
from torch.optim import Optimizer

from lepton.testing import OptimizerContract
from tests.testing.broken import broken, named, precise


class Descent(Optimizer):
    """Gradient descent with momentum, which keeps its promises; those below break one each."""

    def __init__(self, params, lr=0.01, weight_decay=0.1):
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure=None):
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self.move(parameter, group)
        return loss

    def move(self, parameter, group):
        momentum = self.momentum(parameter)
        momentum.mul_(0.5).add_(parameter.grad)
        parameter.mul_(1 - self.rate(group) * group["weight_decay"])
        parameter.sub_(self.rate(group) * momentum)

    def momentum(self, parameter):
        return self.state[parameter].setdefault("momentum", torch.zeros_like(parameter))

    def rate(self, group):
        return group["lr"]


class Lazy(Descent):
    """Leaves biases out."""

    def move(self, parameter, group):
        if parameter.ndim > 1:
            super().move(parameter, group)


class Drifting(Descent):
    """Shrinks what has no gradient."""

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    parameter.mul_(1 - group["lr"])
        return super().step(closure)


class Ascending(Descent):
    def rate(self, group):
        return -group["lr"]


class Deaf(Descent):
    """Takes the learning rate of the first step for all others."""

    def rate(self, group):
        return group.setdefault("first_lr", group["lr"])


class Levelling(Descent):
    """Takes the first group's learning rate for all groups."""

    def rate(self, group):
        return self.param_groups[0]["lr"]


class Shrinking(Descent):
    def move(self, parameter, group):
        super().move(parameter, group | {"weight_decay": 0.1})


class Mute(Descent):
    """Has no use for a closure."""

    def step(self, closure=None):
        super().step()


class Swallowing(Descent):
    """Forgets what the closure gave."""

    def step(self, closure=None):
        super().step(closure)


class Doubling(Descent):
    def step(self, closure=None):
        loss = super().step(closure)
        return None if loss is None else 2 * loss


class Forgetful(Descent):
    """Remembers outside of its state."""

    def __init__(self, params):
        super().__init__(params)
        self.momenta = {}

    def momentum(self, parameter):
        return self.momenta.setdefault(parameter, torch.zeros_like(parameter))


class Momentum:
    """Something that a checkpoint does not hold."""

    def __init__(self, parameter):
        self.value = torch.zeros_like(parameter)


class Pickled(Descent):
    def momentum(self, parameter):
        return self.state[parameter].setdefault("momentum", Momentum(parameter)).value


class Jealous(Descent):
    """Takes larger steps once another one has stepped between its own."""

    last: ClassVar = None

    def __init__(self, params):
        super().__init__(params)
        self.interruptions = 0

    def step(self, closure=None):
        self.interruptions += Jealous.last not in (None, self)
        Jealous.last = self
        return super().step(closure)

    def rate(self, group):
        return group["lr"] * (2 if self.interruptions > 1 else 1)


class Halving(Descent):
    """Evaluates half of the decayed weights, and goes on from there."""

    @torch.no_grad()
    def eval(self):
        for parameter in self.param_groups[0]["params"]:
            parameter.mul_(0.5)


BREAKERS = [  # what a property says, and which properties do not hold
    (
        Lazy,
        "must move each parameter with a gradient; .*'output.bias'.* did not move",
        ["test_a_step_moves_every_parameter_that_has_a_gradient"],
    ),
    (
        Drifting,
        "must leave a parameter without a gradient; .*'output.bias'.* moved",
        ["test_a_step_leaves_what_has_no_gradient"],
    ),
    (Ascending, "30 steps must make the loss smaller", ["test_the_loss_falls"]),
    (
        Deaf,
        r"for rates 0, 0 and more they moved \[False, False, False\]",
        ["test_it_follows_the_learning_rate_of_a_scheduler"],
    ),
    (
        Levelling,
        "each group must follow its own learning rate",
        ["test_a_group_follows_its_lr_scale"],
    ),
    (
        Shrinking,
        "groups with weight_decay 0 must stay as they are; .* moved",
        ["test_an_undecayed_group_does_not_shrink"],
    ),
    (Mute, "must call the closure; it did not", ["test_the_loss_of_a_closure_is_returned"]),
    (
        Swallowing,
        "must return the closure's loss; it gave None",
        ["test_the_loss_of_a_closure_is_returned"],
    ),
    (
        Doubling,
        "must return the closure's loss .*; it gave",
        ["test_the_loss_of_a_closure_is_returned"],
    ),
    (
        Forgetful,
        "must go on as the other; after 3 steps .* differ",
        ["test_a_restored_state_goes_on_as_if_nothing_had_happened"],
    ),
    (
        Pickled,
        "must hold tensors, numbers, texts, .*; ValueError: not a checkpoint",
        ["test_its_state_goes_into_a_checkpoint"],
    ),
    (
        Jealous,
        "alike alone and beside another one; after 3 steps .* differ",
        ["test_two_optimizers_share_nothing"],
    ),
    (
        Halving,
        "must put the trained weights back; it does not for .*'output.weight'",
        ["test_train_takes_back_what_eval_does"],
    ),
]


class Contract(OptimizerContract):
    def __init__(self, optimizer):
        self.optimizer = optimizer

    def build(self, params):
        return self.optimizer(params)


def test_an_optimizer_that_keeps_its_promises_passes():
    assert broken(Contract(Descent)) == {}


@pytest.mark.parametrize(("optimizer", "message", "properties"), named(BREAKERS))
def test_an_optimizer_that_breaks_a_promise_fails_just_that_test(optimizer, message, properties):
    messages = broken(Contract(optimizer))
    assert [*messages] == properties
    assert re.search(message, messages[properties[0]])


def test_each_property_has_an_optimizer_that_breaks_it_alone():
    assert precise(BREAKERS) == {*OptimizerContract.properties()}
