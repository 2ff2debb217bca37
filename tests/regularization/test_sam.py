"""SAM and ASAM beside their papers' steps done by hand, with torch's own optimizer."""

import copy

import pytest
import torch
from torch.nn import functional as F

from lepton import build
from lepton.config.check import check
from lepton.config.compose import compose
from lepton.errors import ConfigError
from lepton.regularization.asam import ASAM
from lepton.regularization.sam import SAM
from lepton.training.learner import build_network

TRAINED = (
    *("dataset=synthetic", "dataset.classes=3", "dataset.rows=160", "batch_size=16"),
    *("model=mlp", "model.hidden=[8]", "model.normalization=batch", "model.dropout=0"),
    *("optimizer=sgd", "optimizer.lr=0.05", "trainer=cpu", "trainer.max_epochs=1"),
    *("trainer.progress=false", "trainer.precision=64-true"),
)


def sam_step(named, rho):
    """As https://github.com/davda54/sam has it."""
    norm = torch.norm(torch.stack([p.grad.norm(p=2) for _, p in named]), p=2)
    for _, p in named:
        p.add_(p.grad * (rho / (norm + 1e-12)))


def asam_step(named, rho, eta=0.01):
    """As https://github.com/SamsungLabs/ASAM has it, whose layers have no embeddings."""
    grads = {}
    for name, p in named:
        size = p.abs() + eta if p.ndim > 1 else torch.ones_like(p)
        grads[name] = (p.grad * size, size)
    norm = torch.stack([grad.norm() for grad, _ in grads.values()]).norm() + 1e-16
    for name, p in named:
        grad, size = grads[name]
        p.add_(grad * size * (rho / norm))


STEPS = {"sam": (sam_step, 0.3), "asam": (asam_step, 0.7)}


def train_by_hand(model, data, step, rho, *, accumulate, max_norm):
    """Two passes for each batch, running statistics of the first, a step for each `accumulate`;
    the gradient of the second pass is what is clipped."""
    named = list(model.named_parameters())
    optimizer = torch.optim.SGD(
        model.parameters(), lr=0.05, momentum=0.9, nesterov=True, weight_decay=0
    )
    batches = [batch for block in data.train_dataloader() for batch in block]
    for number, batch in enumerate(batches):
        batch = {n: t.double() if t.is_floating_point() else t for n, t in batch.items()}
        held = [None if p.grad is None else p.grad.clone() for _, p in named]
        optimizer.zero_grad()
        F.cross_entropy(model(batch), batch["target"]).backward()
        start = copy.deepcopy(model.state_dict())
        with torch.no_grad():
            step(named, rho)
        optimizer.zero_grad()
        (F.cross_entropy(model(batch), batch["target"]) / accumulate).backward()
        model.load_state_dict(start)
        for (_, p), grad in zip(named, held, strict=True):
            p.grad = p.grad if grad is None else p.grad + grad
        if (number + 1) % accumulate == 0:
            torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm)
            optimizer.step()
            optimizer.zero_grad()
    return len(batches)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("option", "accumulate", "max_norm"),
    [("sam", 1, 1e9), ("sam", 2, 0.05), ("asam", 1, 0.05)],
)
def test_training_with_it_is_the_two_passes_of_the_paper(option, accumulate, max_norm, tmp_path):
    step, rho = STEPS[option]
    words = (f"regularization=[{option},gradient_clipping]", f"regularization.{option}.rho={rho}")
    words += (f"regularization.gradient_clipping.max_norm={max_norm}",)
    words += (
        f"trainer.accumulate_grad_batches={accumulate}",
        "dataset.val_size=0.1",
        "dataset.test_size=0.1",
    )
    config = check(compose(*TRAINED, *words))
    data = build.data(config)
    network = build_network(config, data.spec)
    model = copy.deepcopy(network.model).double().train()
    batches = train_by_hand(model, data, step, rho, accumulate=accumulate, max_norm=max_norm)
    assert batches % accumulate == 0
    network.fit(data, tmp_path)
    trained = network.model.state_dict()
    for name, value in model.state_dict().items():
        torch.testing.assert_close(trained[name], value, rtol=1e-9, atol=1e-9)


def test_scaling_one_layer_up_and_the_next_down_moves_asam_alike_and_sam_not():
    """The invariance that the paper has it for: eta 0, no biases, ReLU between the layers."""
    inputs = torch.randn(20, 3, generator=torch.Generator().manual_seed(0)).double()
    first, second = torch.randn(4, 3).double(), torch.randn(1, 4).double()

    def loss_at_perturbed(method, scale):
        weights = {"a": (scale * first).requires_grad_(), "b": (second / scale).requires_grad_()}

        def loss(weights):
            return (F.relu(inputs @ weights["a"].T) @ weights["b"].T).square().mean()

        gradients = torch.autograd.grad(loss(weights), list(weights.values()))
        moves = method.perturbation(weights, dict(zip(weights, gradients, strict=True)))
        return loss({n: w + moves[n] for n, w in weights.items()}).item()

    asam, sam = ASAM(rho=0.5, eta=0.0), SAM(rho=0.5)
    assert loss_at_perturbed(asam, 7.0) == pytest.approx(loss_at_perturbed(asam, 1.0))
    assert loss_at_perturbed(sam, 7.0) != pytest.approx(loss_at_perturbed(sam, 1.0), rel=0.1)


def test_weights_without_any_gradient_stay_where_they_are():
    nothing = {"a": torch.zeros(2, 3)}
    for method in (SAM(rho=0.1), ASAM(rho=0.1, eta=0.01), SAM(rho=9.0), ASAM(rho=9.0, eta=0.01)):
        assert not method.perturbation(nothing, nothing)["a"].any()


@pytest.mark.slow
def test_both_at_once_negative_numbers_and_shares_of_weights_are_refused():
    line = r"regularization\.asam, regularization\.sam: each takes the gradient at weights of its"
    with pytest.raises(ConfigError, match=line):
        check(compose(*TRAINED, "regularization=[sam,asam]"))
    with pytest.raises(ConfigError, match=r"regularization\.sam\.rho: -1"):
        SAM(rho=-1)
    with pytest.raises(ConfigError, match=r"regularization\.asam: rho=0\.1, eta=-1"):
        ASAM(rho=0.1, eta=-1)
    with pytest.raises(
        ConfigError, match=r"fsdp gives each device a share .* SAM needs them whole"
    ):
        check(compose(*TRAINED, "regularization=sam", "trainer=fsdp", "trainer.precision=32-true"))


def test_it_goes_with_a_strategy_of_fine_tuning_and_other_regularization():
    config = check(compose("finetune=full", "regularization=[l2sp,label_smoothing,sam]"))
    assert sorted(config["regularization"]) == ["l2sp", "label_smoothing", "sam"]
