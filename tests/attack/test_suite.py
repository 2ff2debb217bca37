import pytest
import torch

from lepton.attack.attacked_inputs import AttackedInputs
from lepton.attack.column_rules import ColumnRules
from lepton.attack.suite import Suite
from lepton.randomness.draw import Draw
from tests.attack.linear import UNITS, WEIGHTS, linear, linear_case
from tests.attack.small_network import around as digits_around
from tests.attack.small_network import digits_case, forward_of

SUITE = Suite(steps=20, step=0.1, restarts=2, apgd_steps=20, targets=3, queries=60)
NAMES = ("fgsm", "pgd", "apgd_ce", "apgd_targeted", "square")


def draw():
    return Draw(torch.tensor(1), torch.tensor(2))


def found_by(name, task, around, forward=linear):
    return SUITE.attacks(task, forward)[name](around, draw())


def linear_around(norm, epsilon=0.02, **rules):
    spec, task, batch = linear_case(rows=40)
    inputs = AttackedInputs(spec, ColumnRules("attack", **rules))
    return task, inputs.around(batch, epsilon=epsilon, norm=norm)


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("name", NAMES)
def test_of_a_linear_model_every_attack_breaks_the_rows_that_can_be_and_no_others(name, norm):
    task, around = linear_around(norm, 0.05)
    margin = (2 * around.batch["target"] - 1) * linear(around.batch)[:, 0]
    reach = 0.05 * {"linf": (WEIGHTS.abs() * UNITS).sum(), "l2": (WEIGHTS * UNITS).norm()}[norm]
    can_be = margin < reach
    is_clear = (margin / reach - 1).abs() > (0.3 if name == "square" else 1e-4)
    assert (can_be & (margin > 0) & is_clear).sum() > 3
    assert (~can_be & is_clear).sum() > 3
    found = found_by(name, task, around)
    assert torch.equal(found.broken[is_clear], can_be[is_clear])


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("name", NAMES)
def test_every_attack_keeps_to_the_ball_and_to_the_rules_of_columns(name, norm):
    task, around = linear_around(norm, 0.3, immutable=["num_0"], only_up=["num_1"])
    change = found_by(name, task, around).change["num"]
    assert around.norm.size(change).max() <= 0.3 * (1 + 1e-5)
    assert not change[:, 0].any()
    assert (change[:, 1] >= 0).all()
    assert change[:, 3].any()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["pgd", "apgd_targeted", "square"])
def test_a_row_is_attacked_alike_in_whichever_batch_it_comes(name):
    _, task, _, _ = (None, *digits_case("linf")[1:])
    whole = digits_around(0.1, "linf").at(torch.arange(40))
    part = whole.at(torch.arange(10, 25))
    forward = forward_of("linf")
    of_whole, of_part = (found_by(name, task, rows, forward) for rows in (whole, part))
    torch.testing.assert_close(of_part.broken, of_whole.broken[10:25])
    is_settled = of_part.broken
    assert is_settled.any()
    difference = of_part.change["image"] - of_whole.change["image"][10:25]
    assert (difference[is_settled].flatten(1).abs().amax(1) < 1e-3).double().mean() > 0.8


@pytest.mark.slow
def test_a_quantity_is_driven_as_far_from_its_target_as_gradients_drive_it():
    spec, task, batch = linear_case("regression", rows=30)
    around = AttackedInputs(spec, ColumnRules("attack")).around(batch, epsilon=0.02, norm="linf")
    assert "apgd_targeted" not in SUITE.attacks(task, linear)
    reach = 0.02 * (WEIGHTS.abs() * UNITS).sum()
    residual = (linear(batch)[:, 0] - batch["target"]).abs()
    worst, is_far = (residual + reach).square(), residual > reach  # where no start lies beyond it
    assert is_far.sum() > 15
    for name in ("fgsm", "pgd", "apgd_ce", "square"):
        found = found_by(name, task, around)
        assert not found.broken.any()
        assert (found.loss <= worst * (1 + 1e-5)).all()
        share = 0.99 if name == "square" else 1 - 1e-5
        assert (found.loss[is_far] >= share * worst[is_far]).all()


def test_the_step_of_apgd_is_halved_until_it_meets_a_narrow_peak():
    spec, task, batch = linear_case("regression", rows=8)
    batch["num"] = torch.zeros_like(batch["num"])

    def peak(rows):  # whose square is largest where all numbers are 0.37 units from 0
        distance = (rows["num"] / UNITS - 0.37).abs().amax(1)
        return (5 - distance)[:, None]

    batch["target"] = torch.zeros(8)
    around = AttackedInputs(spec, ColumnRules("attack")).around(batch, epsilon=1.0, norm="linf")
    found = found_by("apgd_ce", task, around, peak)
    assert (found.loss > 4.85**2).all()
    assert (found_by("fgsm", task, around, peak).loss < 4.7**2).all()
