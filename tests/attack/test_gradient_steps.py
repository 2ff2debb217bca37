import pytest
import torch
from torch.nn import functional as F

from lepton.attack.attacked_inputs import AttackedInputs
from lepton.attack.column_rules import ColumnRules
from lepton.attack.gradient_steps import fgsm, pgd
from lepton.attack.losses import row_losses
from lepton.randomness.draw import Draw
from tests.attack.linear import UNITS, WEIGHTS, linear, linear_case

EPSILON = 0.02
REACH = {"linf": (WEIGHTS.abs() * UNITS).sum(), "l2": (WEIGHTS * UNITS).norm()}


def draw():
    return Draw(torch.tensor(5), torch.tensor(7))


def losses_of(task):
    return lambda batch: row_losses(task, linear(batch), batch)


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_of_a_linear_model_one_step_reaches_the_loss_at_epsilon_times_the_dual_norm(norm):
    spec, task, batch = linear_case()
    around = AttackedInputs(spec, ColumnRules("attack")).around(batch, epsilon=EPSILON, norm=norm)
    moved = around.moved(fgsm(losses_of(task), around))
    signs = 2 * batch["target"] - 1
    margin = signs * linear(batch)[:, 0] - EPSILON * REACH[norm]
    torch.testing.assert_close(losses_of(task)(moved), F.softplus(-margin))


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_pgd_from_anywhere_in_the_ball_ends_at_the_same_loss(norm):
    spec, task, batch = linear_case("regression")
    around = AttackedInputs(spec, ColumnRules("attack")).around(batch, epsilon=EPSILON, norm=norm)
    start = around.random(draw())
    change = pgd(losses_of(task), around, start=start, steps=60, step=EPSILON / 2)
    residual = (linear(batch)[:, 0] - batch["target"]).abs()
    worst = (residual + EPSILON * REACH[norm]).square()
    moved = losses_of(task)(around.moved(change))
    assert (moved <= worst * (1 + 1e-5)).all()
    is_far = residual > EPSILON * REACH[norm]  # from where no start lies beyond the target
    assert is_far.sum() >= 3
    torch.testing.assert_close(moved[is_far], worst[is_far], rtol=1e-4, atol=0)


def test_members_of_a_stack_are_attacked_each_with_its_own_epsilon():
    spec, task, batch = linear_case()
    inputs = AttackedInputs(spec, ColumnRules("attack"))

    def attacked(epsilon, key):
        around = inputs.around(batch, epsilon=epsilon, norm="linf")
        start = around.random(Draw(key, key))
        change = pgd(losses_of(task), around, start=start, steps=3, step=epsilon / 2)
        return around.moved(change)["num"]

    epsilons, keys = torch.tensor([0.0, 0.01, 0.05]), torch.tensor([1, 2, 3])
    stacked = torch.vmap(attacked)(epsilons, keys)
    alone = [attacked(e, k) for e, k in zip(epsilons, keys, strict=True)]
    torch.testing.assert_close(stacked, torch.stack(alone))
    torch.testing.assert_close(stacked[0], batch["num"], rtol=0, atol=0)


def test_weights_of_a_model_get_no_gradient_of_an_attack():
    spec, task, batch = linear_case()
    weight = torch.nn.Parameter(WEIGHTS.clone())
    around = AttackedInputs(spec, ColumnRules("attack")).around(batch, epsilon=0.1, norm="linf")
    change = fgsm(lambda rows: row_losses(task, (rows["num"] @ weight)[:, None], rows), around)
    assert not change["num"].requires_grad
    assert weight.grad is None
