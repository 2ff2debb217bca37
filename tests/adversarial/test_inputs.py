"""FGSM, PGD, TRADES and VAT on inputs: beside formulas of linear models and the papers' loops."""

import copy

import pytest
import torch
from torch.nn import functional as F

from lepton.augmentation.machinery.columns import spreads
from tests.adversarial.options import DATA, Case, made

LINEAR = ("dataset=synthetic", "dataset.numbers=5", "dataset.categories=[]", "model=linear")
CNN = (*DATA["image"], "model.dropout=0")
WHITE = 255.0


@pytest.fixture(autouse=True, scope="module")
def _in_64_bits():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.fixture(scope="module")
def linear():
    """A linear model with weights of its own, and the rows whose moves no limit cuts."""
    case = Case(*LINEAR, "dataset.classes=3", rows=16)
    generator = torch.Generator().manual_seed(3)
    case.model.weight.data = torch.randn(3, 5, generator=generator, dtype=torch.float64)
    quantiles = torch.tensor(case.spec.quantiles, dtype=torch.float64)
    num, reach = case.batch["num"], 0.25
    inner = ((num - reach > quantiles[:, 0]) & (num + reach < quantiles[:, -1])).all(1)
    assert inner.sum() >= 5
    case.batch = {name: tensor[inner] for name, tensor in case.batch.items()}
    return case


def spread(case):
    """The deviation of each column, as 32 bits have it."""
    return spreads(case.spec).float().double()


def cross_entropy(case, num):
    """The loss of a linear model for rows with these numbers."""
    return F.cross_entropy(F.linear(num, case.model.weight, case.model.bias), case.batch["target"])


def slope(case):
    """The gradient of each row's cross-entropy with respect to its numbers."""
    logits = F.linear(case.batch["num"], case.model.weight, case.model.bias)
    p = logits.softmax(-1) - F.one_hot(case.batch["target"], 3)
    return (p @ case.model.weight).detach()


def test_fgsms_rows_are_a_long_step_from_a_random_start_cut_at_epsilon(linear):
    epsilon, unit = 0.1, spread(linear)
    start = linear.draw().each(linear.batch["id"]).uniform((5,)).double()
    start = (2 * start - 1) * epsilon
    delta = (start + 1.25 * epsilon * slope(linear).sign()).clamp(-epsilon, epsilon)
    num = linear.batch["num"] + delta * unit
    loss = linear.loss(made("fgsm", epsilon=epsilon))
    torch.testing.assert_close(loss, cross_entropy(linear, num))


def test_pgd_on_a_linear_model_ends_in_the_corner_of_the_box(linear):
    method = made("pgd", epsilon=0.1, steps=9)
    corner = linear.batch["num"] + 0.1 * spread(linear) * slope(linear).sign()
    worst = cross_entropy(linear, corner)
    assert worst > cross_entropy(linear, linear.batch["num"])
    torch.testing.assert_close(linear.loss(method), worst, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(("progress", "share"), [(0.0, 0.0), (0.1, 0.25), (0.4, 1.0), (0.9, 1.0)])
def test_epsilon_grows_over_the_first_part_of_the_training(linear, progress, share):
    ramped = linear.loss(made("pgd", epsilon=0.1, ramp=0.4), progress)
    constant = linear.loss(made("pgd", epsilon=0.1 * share, ramp=0.0), progress)
    torch.testing.assert_close(ramped, constant)


def pgd_by_hand(case, epsilon, steps, step):
    """As https://github.com/MadryLab/mnist_challenge has it, on pixels from 0 to 1."""
    x = case.batch["image"].double() / WHITE
    own = case.draw().each(case.batch["id"])
    delta = (2 * own.uniform(x.shape[1:]).double() - 1) * epsilon
    delta = (x + delta).clamp(0, 1) - x
    model = copy.deepcopy(case.model)
    for _ in range(steps):
        delta.requires_grad_()
        loss = F.cross_entropy(
            model(case.batch | {"image": (x + delta) * WHITE}), case.batch["target"]
        )
        (g,) = torch.autograd.grad(loss, delta)
        delta = (delta.detach() + step * g.sign()).clamp(-epsilon, epsilon)
        delta = (x + delta).clamp(0, 1) - x
    return case.batch | {"image": ((x + delta) * WHITE).detach()}


@pytest.mark.slow
def test_pgd_training_is_madrys_loop_and_its_attack_leaves_statistics_alone():
    case = Case(*CNN)
    model = copy.deepcopy(case.model)
    moved = pgd_by_hand(case, 0.1, 4, 0.03)
    expected = F.cross_entropy(model(moved), case.batch["target"])
    loss = case.loss(made("pgd", epsilon=0.1, steps=4, step=0.3))
    torch.testing.assert_close(loss, expected)
    mine = torch.autograd.grad(loss, list(case.model.parameters()))
    theirs = torch.autograd.grad(expected, list(model.parameters()))
    torch.testing.assert_close(mine, theirs)
    for name, buffer in model.named_buffers():  # of the one pass that learns
        torch.testing.assert_close(dict(case.model.named_buffers())[name], buffer)
    assert case.model.training


def test_trades_is_the_loss_of_its_paper_whose_attack_computes_in_eval_mode():
    case, epsilon, steps, step, beta = Case(*CNN), 0.1, 4, 0.03, 6.0
    model = copy.deepcopy(case.model)
    x = case.batch["image"].double() / WHITE
    noise = case.draw().each(case.batch["id"]).normal(x.shape[1:]).double()
    moved = (x + 0.03 * epsilon * noise).clamp(0, 1)
    logits = model(case.batch)  # before the attack, which sees statistics of this batch too
    model.eval()
    for _ in range(steps):  # as https://github.com/yaodongyu/TRADES has it
        moved = moved.detach().requires_grad_()
        p = model(case.batch).softmax(1)
        q = model(case.batch | {"image": moved * WHITE}).log_softmax(1)
        (g,) = torch.autograd.grad(F.kl_div(q, p, reduction="sum"), moved)
        moved = moved.detach() + step * g.sign()
        moved = torch.min(torch.max(moved, x - epsilon), x + epsilon).clamp(0, 1)
    model.train()
    adversarial = model(case.batch | {"image": moved.detach() * WHITE})
    robust = F.kl_div(adversarial.log_softmax(1), logits.softmax(1), reduction="batchmean")
    expected = F.cross_entropy(logits, case.batch["target"]) + beta * robust
    loss = case.loss(made("trades", epsilon=epsilon, steps=steps, step=0.3, beta=beta))
    torch.testing.assert_close(loss, expected)
    mine = torch.autograd.grad(loss, list(case.model.parameters()))
    theirs = torch.autograd.grad(expected, list(model.parameters()))
    torch.testing.assert_close(mine, theirs, rtol=1e-5, atol=1e-8)
    for name, buffer in model.named_buffers():
        torch.testing.assert_close(dict(case.model.named_buffers())[name], buffer)
    assert case.model.training


def test_mart_is_the_loss_of_its_papers_code():
    case, epsilon, steps, step, beta = Case(*CNN), 0.1, 4, 0.03, 5.0
    model, y = copy.deepcopy(case.model), case.batch["target"]
    x = case.batch["image"].double() / WHITE
    noise = case.draw().each(case.batch["id"]).normal(x.shape[1:]).double()
    moved = (x + 0.03 * epsilon * noise).clamp(0, 1)
    logits = model(case.batch)
    model.eval()
    for _ in range(steps):  # as https://github.com/YisenWang/MART has it
        moved = moved.detach().requires_grad_()
        loss = F.cross_entropy(model(case.batch | {"image": moved * WHITE}), y)
        (g,) = torch.autograd.grad(loss, moved)
        moved = moved.detach() + step * g.sign()
        moved = torch.min(torch.max(moved, x - epsilon), x + epsilon).clamp(0, 1)
    model.train()
    adversarial = model(case.batch | {"image": moved.detach() * WHITE})
    probabilities = adversarial.softmax(1)
    first, second = probabilities.argsort(dim=1)[:, -2:].flip(1).T
    other = torch.where(first == y, second, first)
    boosted = F.cross_entropy(adversarial, y) + F.nll_loss((1 - probabilities).log(), other)
    natural = logits.softmax(1)
    divergence = F.kl_div(probabilities.log(), natural, reduction="none").sum(1)
    robust = (divergence * (1 - natural.gather(1, y[:, None])[:, 0])).mean()
    expected = boosted + beta * robust
    loss = case.loss(made("mart", epsilon=epsilon, steps=steps, step=0.3, beta=beta))
    torch.testing.assert_close(loss, expected)
    mine = torch.autograd.grad(loss, list(case.model.parameters()))
    theirs = torch.autograd.grad(expected, list(model.parameters()))
    torch.testing.assert_close(mine, theirs, rtol=1e-5, atol=1e-8)


def test_vats_way_is_the_largest_eigenvector_and_its_term_the_divergence_there(linear):
    epsilon, unit, total = 0.2, spread(linear), []
    method = made("vat", epsilon=epsilon, xi=1e-3, iterations=60)
    logits = F.linear(linear.batch["num"], linear.model.weight, linear.model.bias).detach()
    loss = linear.loss(method)
    for num, logit in zip(linear.batch["num"], logits, strict=True):
        p = logit.softmax(-1)
        fisher = torch.diag(p) - torch.outer(p, p)
        scaled = linear.model.weight.detach() * unit
        way = torch.linalg.eigh(scaled.T @ fisher @ scaled).eigenvectors[:, -1]
        moved = [num + sign * epsilon * way * unit for sign in (1, -1)]
        said = [F.linear(m, linear.model.weight, linear.model.bias).log_softmax(-1) for m in moved]
        total.append(torch.stack([(p * (p.log() - q)).sum() for q in said]).detach())
    ends = torch.stack(total)
    term = (loss - F.cross_entropy(logits, linear.batch["target"])).item()
    assert float(ends.amin(1).mean()) - 1e-6 <= term <= float(ends.amax(1).mean()) + 1e-6
    assert float((ends.amax(1) - ends.amin(1)).mean()) < 0.2 * term  # so that this says something


def test_vats_term_of_a_regression_is_the_square_of_what_the_worst_way_adds():
    case = Case(*LINEAR, "dataset.classes=0")
    case.model.weight.data = torch.tensor([[0.3, -2.0, 0.0, 1.0, 0.5]], dtype=torch.float64)
    limits = torch.tensor(case.spec.quantiles, dtype=torch.float64)
    case.batch["num"] = case.batch["num"].clamp(limits[:, 1], limits[:, -2])
    plain = case.loss(made("vat", alpha=0.0))
    worst = (case.model.weight * spread(case)).norm().item()
    epsilon = 1e-3
    term = (case.loss(made("vat", epsilon=epsilon)) - plain).item()
    assert term == pytest.approx((epsilon * worst) ** 2, rel=1e-4)


def test_vat_uses_no_targets(linear):
    terms = []
    for target in (linear.batch["target"], (linear.batch["target"] + 1) % 3):
        linear.batch = linear.batch | {"target": target}
        terms.append(linear.loss(made("vat")) - linear.loss(made("vat", alpha=0.0)))
    torch.testing.assert_close(*terms)


@pytest.mark.slow
@pytest.mark.parametrize("option", ["fgsm", "pgd", "trades", "mart"])
def test_rows_move_within_what_the_table_allows(option, monkeypatch):
    case = Case("dataset=synthetic", "dataset.numbers=4", "model=mlp_small", "dataset.classes=3")
    names = case.spec.num_features
    rules = {"immutable": [names[0]], "only_up": [names[1]], "only_down": [names[2]]}
    method, seen = made(option, epsilon=9.0, ramp=0.0, **rules), []
    forward = type(case.task).forward
    monkeypatch.setattr(
        type(case.task),
        "forward",
        lambda self, model, batch: seen.append(batch) or forward(self, model, batch),
    )
    case.loss(method)
    num, quantiles = case.batch["num"], torch.tensor(case.spec.quantiles)
    moves = torch.stack([b["num"].detach() - num for b in seen if not _is_wrapped(b["num"])])
    assert not moves[..., 0].any()
    assert (moves[..., 1] >= 0).all()
    assert (moves[..., 2] <= 0).all()
    assert (moves[-1, :, 3].abs() > 0).any()
    last = moves[-1] + num
    low, high = (
        torch.minimum(quantiles[:, 0], num.amin(0)),
        torch.maximum(quantiles[:, -1], num.amax(0)),
    )
    assert (last >= low - 1e-9).all()
    assert (last <= high + 1e-9).all()
    assert all(torch.equal(b["cat"], case.batch["cat"]) for b in seen)


def _is_wrapped(tensor):
    """True of a tensor inside of torch.func.grad."""
    return torch._C._functorch.is_gradtrackingtensor(tensor)
