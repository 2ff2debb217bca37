import numpy as np
import pytest
import torch

from lepton.attack.suite import Suite
from lepton.randomness.draw import Draw
from tests.attack.small_network import WHITE, around, digits_case, forward_of

STEPS, STEP, QUERIES = 40, 0.05, 200
SUITE = Suite(steps=STEPS, step=STEP, restarts=1, apgd_steps=STEPS, targets=9, queries=QUERIES)
EPSILON = {"linf": 0.08, "l2": 0.25}  # at which about half of the pictures are broken
POINT = 0.01
pytestmark = pytest.mark.slow  # art alone takes seconds to be imported


def ours(attack, norm):
    attacks = SUITE.attacks(digits_case(norm)[1], forward_of(norm))
    found = attacks[attack](around(EPSILON[norm], norm), Draw(torch.tensor(1), torch.tensor(2)))
    return 1 - found.broken.double().mean().item()


def case(norm):
    network, _, _, batch = digits_case(norm)
    return network, batch["image"] / WHITE, batch["target"]


def robust(norm, changed):
    network, pixels, target = case(norm)
    size = (changed - pixels).flatten(1).norm(float("inf") if norm == "linf" else 2, dim=1)
    assert size.max() <= EPSILON[norm] * (1 + 1e-4)
    return (network(changed).argmax(1) == target).double().mean().item()


def of_foolbox(attack, norm):
    foolbox = pytest.importorskip("foolbox", reason="foolbox is not there: dev has it")
    attacks = foolbox.attacks
    made = {
        ("fgsm", "linf"): lambda: attacks.LinfFastGradientAttack(random_start=False),
        ("fgsm", "l2"): lambda: attacks.L2FastGradientAttack(random_start=False),
        ("pgd", "linf"): lambda: attacks.LinfPGD(steps=STEPS, rel_stepsize=STEP),
        ("pgd", "l2"): lambda: attacks.L2PGD(steps=STEPS, rel_stepsize=STEP),
    }[attack, norm]()
    network, pixels, target = case(norm)
    model = foolbox.PyTorchModel(network, bounds=(0, 1), device="cpu")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        _, clipped, _ = made(model, pixels, target, epsilons=EPSILON[norm])
    return robust(norm, clipped)


def of_art(attack, norm):
    pytest.importorskip("art", reason="adversarial-robustness-toolbox is not there: dev has it")
    from art.attacks import evasion
    from art.estimators.classification import PyTorchClassifier

    network, pixels, target = case(norm)
    classifier = PyTorchClassifier(
        network,
        torch.nn.CrossEntropyLoss(),
        input_shape=(1, 8, 8),
        nb_classes=10,
        clip_values=(0.0, 1.0),
        device_type="cpu",
    )
    epsilon, order = EPSILON[norm], {"linf": "inf", "l2": 2}[norm]
    shared = {"norm": order, "eps": epsilon, "batch_size": len(pixels), "verbose": False}
    steps = {"max_iter": STEPS, "eps_step": STEP * epsilon}
    made = {
        "fgsm": lambda: evasion.FastGradientMethod(
            classifier, norm=order, eps=epsilon, batch_size=len(pixels)
        ),
        "pgd": lambda: evasion.ProjectedGradientDescentPyTorch(
            classifier, **shared, **steps, num_random_init=1
        ),
        "apgd_ce": lambda: evasion.AutoProjectedGradientDescent(
            classifier,
            **shared,
            max_iter=STEPS,
            eps_step=2 * epsilon,
            nb_random_init=1,
            loss_type="cross_entropy",
        ),
        "square": lambda: evasion.SquareAttack(
            classifier,
            norm=order,
            eps=epsilon,
            max_iter=QUERIES,
            nb_restarts=1,
            batch_size=len(pixels),
            verbose=False,
        ),
    }[attack]()
    np.random.seed(0)
    changed = made.generate(pixels.numpy(), target.numpy())
    return robust(norm, torch.tensor(changed))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("attack", ["fgsm", "pgd"])
@pytest.mark.parametrize("other", [of_foolbox, of_art])
def test_robust_accuracy_is_within_a_point_of_other_implementations(other, attack, norm):
    mine = ours(attack, norm)
    assert 0.2 < mine < 0.8
    assert abs(mine - other(attack, norm)) <= POINT


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_apgd_is_within_a_point_of_arts(norm):
    assert abs(ours("apgd_ce", norm) - of_art("apgd_ce", norm)) <= POINT


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_square_is_no_weaker_than_arts_and_breaks_less_than_gradients_do(norm):
    mine = ours("square", norm)
    assert ours("apgd_targeted", norm) <= mine <= of_art("square", norm) + POINT


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_apgd_finds_no_less_than_fixed_steps_and_its_targets_no_less_than_apgd(norm):
    robust_by = {name: ours(name, norm) for name in ("fgsm", "pgd", "apgd_ce", "apgd_targeted")}
    assert robust_by["apgd_ce"] <= min(robust_by["fgsm"], robust_by["pgd"])
    assert robust_by["apgd_targeted"] <= robust_by["apgd_ce"] + POINT / 2
