"""The methods of this folder against loops, and autograd: so the hooks say what they do."""

import pytest
import torch
from torch.nn import functional as F

from lepton import build, compose
from lepton.config.check import check
from lepton.randomness.draw import Draw
from lepton.training.learner import build_network
from lepton.training.loss import training_loss
from tests.methods.conftest import SMALL
from tests.methods.fgsm import FGSM
from tests.methods.mixup import Mixup


class Case:
    """A network in training mode, one batch with its encoded target, and the same draw."""

    def __init__(self, *overrides):
        config = check(compose(*SMALL, *overrides))
        data = build.data(config)
        self.network = build_network(config, data.spec)
        self.model, self.task, self.spec = self.network.model.train(), self.network.task, data.spec
        self.batch = {name: tensor[:24] for name, tensor in data.splits["train"].items()}
        self.encoded = self.batch | {"target": self.task.encode(self.batch["target"])}
        self.parameters = list(self.model.parameters())

    def draw(self):
        return Draw(torch.tensor(11), torch.tensor(12))

    def loss(self, method):
        """The loss with the method, with dropout masks from their start."""
        self.network.mask_stream.start_epoch(0)
        self.model = method.prepare(self.model, self.spec)
        return training_loss(self.model, self.task, [method], self.batch, [self.draw()])

    def gradients(self, loss):
        return torch.autograd.grad(loss, self.parameters)


@pytest.fixture
def case(known):
    return Case


def test_mixups_loss_is_the_mixture_of_the_losses_for_both_targets(case):
    case = case("dataset.classes=2", "model.dropout=0")
    share, partners = (d := case.draw()).beta(0.4, 0.4), d.permutation(24)
    assert 0 < share < 1
    num = case.batch["num"] * share + case.batch["num"][partners] * (1 - share)
    logits = case.model(case.batch | {"num": num})[:, 0]
    target = case.encoded["target"].float()
    both = [F.binary_cross_entropy_with_logits(logits, t) for t in (target, target[partners])]
    torch.testing.assert_close(case.loss(Mixup(alpha=0.4)), share * both[0] + (1 - share) * both[1])


def test_fgsm_learns_from_the_sign_of_the_gradient_that_autograd_has(case):
    case = case("model.dropout=0")
    num = case.batch["num"].clone().requires_grad_()
    clean = F.cross_entropy(case.model(case.batch | {"num": num}), case.batch["target"])
    (slope,) = torch.autograd.grad(clean, num, retain_graph=True)
    moved = case.batch["num"] + 0.1 * slope.sign()
    adversarial = F.cross_entropy(case.model(case.batch | {"num": moved}), case.batch["target"])
    loss = case.loss(FGSM(epsilon=0.1))
    torch.testing.assert_close(loss, (clean + adversarial) / 2)
    assert adversarial > clean
    expected = case.gradients((clean + adversarial) / 2)
    torch.testing.assert_close(case.gradients(loss), expected)


@pytest.mark.slow
def test_distillations_loss_is_cross_entropy_and_divergence_from_the_teacher(case, words):
    chosen = [*words("distillation"), "model.dropout=0", "regularization.distillation.share=0.3"]
    case = case(*chosen)
    method = case.network.methods[0]
    logits = case.model(case.batch)
    with torch.no_grad():
        told = (method.teacher(case.batch) / 2).softmax(-1)
    gap = F.kl_div((logits / 2).log_softmax(-1), told, reduction="batchmean")
    expected = 0.7 * F.cross_entropy(logits, case.batch["target"]) + 0.3 * 4 * gap
    torch.testing.assert_close(case.loss(method), expected)
    assert not any(p.requires_grad for p in method.teacher.parameters())


def test_a_row_that_weighs_nothing_is_no_part_of_the_loss_of_a_method(case):
    case, method = case("model.dropout=0"), FGSM(epsilon=0.1)
    whole, weight = case.batch, torch.ones(24)
    weight[16:] = 0
    case.batch = {name: values[:16] for name, values in whole.items()}
    expected = case.loss(method)
    case.batch = whole | {"weight": weight}
    torch.testing.assert_close(case.loss(method), expected)
