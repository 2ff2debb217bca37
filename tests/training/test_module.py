"""The training step against loops written by hand on the same tensors, order and first weights."""

import copy
import math

import pandas as pd
import pytest
import schedulefree
import torch
import torch.nn.functional as F

from lepton import build, load, train
from lepton.config.check import check
from lepton.config.compose import compose
from lepton.errors import TrainingError
from lepton.example import make_spec
from lepton.method import Method
from lepton.seeds import derive
from lepton.task import task_for
from lepton.training.learner import build_learner

DATA = ["dataset=synthetic", "dataset.rows=210", "batch_size=32"]
SPEC = make_spec(task="binary")
PLAIN = [*DATA, "model=mlp_small", "model.hidden=[8]", "model.dropout=0.0", "trainer=cpu"]


def prepared(*overrides):
    config = check(compose(*overrides))
    data = build.data(config)
    return config, data, build_learner(config, data.spec)


@pytest.fixture
def fit(tmp_path):
    def fit(*overrides):
        _, data, network = prepared(*overrides)
        network.fit(data, tmp_path)
        return data, network

    return fit


def batches_by_hand(train, *, seed, epoch, size):
    generator = torch.Generator().manual_seed(derive(seed, "order", epoch))
    order = torch.randperm(len(train["id"]), generator=generator)
    return [{k: v[rows] for k, v in train.items()} for rows in order.split(size)]


def warmup_linear_by_hand(step, total, warmup):
    return step / warmup if step < warmup else (total - step) / (total - warmup)


@pytest.mark.slow
def test_a_training_is_the_loop_written_by_hand(fit):
    """AdamW that spares biases and embeddings, a schedule a step, the best of four epochs kept."""
    overrides = [*PLAIN, "seed=5", "trainer.max_epochs=4", "scheduler=warmup_linear"]
    overrides += ["optimizer.lr=0.05", "optimizer.weight_decay=0.3", "optimizer.fused=false"]
    data, network = fit(*overrides)
    train, val = data.splits["train"], data.splits["val"]

    model = prepared(*overrides)[2].model
    named = dict(model.named_parameters())
    spared = ["inputs.categories.table.weight", "blocks.0.bias", "output.bias"]
    optimizer = torch.optim.AdamW(
        [
            {"params": [named[n] for n in ("blocks.0.weight", "output.weight")]},
            {"params": [named[n] for n in spared], "weight_decay": 0.0},
        ],
        lr=0.05,
        weight_decay=0.3,
    )
    total = 4 * math.ceil(len(train["id"]) / 32)
    step, losses, scores, states = 0, [], [], []
    for epoch in range(4):
        summed = 0.0
        for batch in batches_by_hand(train, seed=5, epoch=epoch, size=32):
            for group in optimizer.param_groups:
                group["lr"] = 0.05 * warmup_linear_by_hand(step, total, round(0.1 * total))
            loss = F.binary_cross_entropy_with_logits(model(batch)[:, 0], batch["target"])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            step, summed = step + 1, summed + loss.item() * len(batch["id"])
        losses.append(summed / len(train["id"]))
        with torch.no_grad():
            logits = model(val)[:, 0]
        scores.append(F.binary_cross_entropy_with_logits(logits, val["target"]).item())
        states.append(copy.deepcopy(model.state_dict()))

    assert set(named) == {"blocks.0.weight", "output.weight", *spared}
    history = network.history
    assert [row["train/loss"] for row in history] == pytest.approx(losses, rel=1e-5)
    assert [row["val/log_loss"] for row in history] == pytest.approx(scores, rel=1e-5)
    assert network.best_epoch == scores.index(min(scores))
    for name, value in network.model.state_dict().items():
        torch.testing.assert_close(value, states[network.best_epoch][name], rtol=0, atol=1e-6)


@pytest.mark.slow
def test_a_regression_is_the_loop_written_by_hand(fit):
    """Standardized targets, squared error, SGD with momentum, a factor of a half every epoch."""
    overrides = [*PLAIN, "dataset.classes=0", "optimizer=sgd", "trainer.max_epochs=3"]
    overrides += ["scheduler=exponential", "scheduler.gamma=0.5"]
    data, network = fit(*overrides)
    train, val = data.splits["train"], data.splits["val"]
    mean, std = train["target"].mean(), train["target"].std(correction=0)

    model = prepared(*overrides)[2].model
    velocity = [torch.zeros_like(p) for p in model.parameters()]
    scores, states = [], []
    for epoch in range(3):
        for batch in batches_by_hand(train, seed=0, epoch=epoch, size=32):
            loss = (model(batch)[:, 0] - (batch["target"] - mean) / std).square().mean()
            grads = torch.autograd.grad(loss, list(model.parameters()))
            with torch.no_grad():
                for p, grad, v in zip(model.parameters(), grads, velocity, strict=True):
                    v.mul_(0.9).add_(grad)
                    p.sub_(0.01 * 0.5**epoch * (grad + 0.9 * v))
        with torch.no_grad():
            error = model(val)[:, 0] * std + mean - val["target"]
        scores.append(error.square().mean().sqrt().item())
        states.append(copy.deepcopy(model.state_dict()))

    assert [row["val/rmse"] for row in network.history] == pytest.approx(scores, rel=1e-4)
    assert [row["lr"] for row in network.history] == pytest.approx([0.01, 0.005, 0.0025])
    for name, value in network.model.state_dict().items():
        torch.testing.assert_close(value, states[network.best_epoch][name], rtol=0, atol=1e-6)


@pytest.mark.slow
def test_a_schedule_free_optimizer_is_validated_and_kept_with_its_averaged_weights(fit):
    overrides = [*PLAIN, "optimizer=schedule_free_adamw", "trainer.max_epochs=3"]
    overrides += ["optimizer.weight_decay=0.0", "optimizer.lr=0.01"]
    data, network = fit(*overrides)

    model = prepared(*overrides)[2].model
    optimizer = schedulefree.AdamWScheduleFree(model.parameters(), lr=0.01)
    averaged, trained = [], []
    for epoch in range(3):
        optimizer.train()
        for batch in batches_by_hand(data.splits["train"], seed=0, epoch=epoch, size=32):
            optimizer.zero_grad()
            F.binary_cross_entropy_with_logits(model(batch)[:, 0], batch["target"]).backward()
            optimizer.step()
        trained.append(copy.deepcopy(model.state_dict()))
        optimizer.eval()
        averaged.append(copy.deepcopy(model.state_dict()))
    best, state = network.best_epoch, network.model.state_dict()
    for name, value in state.items():
        torch.testing.assert_close(value, averaged[best][name], rtol=0, atol=1e-6)
    assert any((value - trained[best][name]).abs().max() > 1e-3 for name, value in state.items())


@pytest.mark.slow
@pytest.mark.parametrize(("times", "size", "rows"), [(2, 16, 210), (2, 16, 235), (3, 4, 500)])
def test_accumulated_batches_are_one_larger_batch(times, size, rows, fit):
    """Whatever is left for the last step, and where a step's batches come in two blocks."""
    overrides = [*PLAIN, f"dataset.rows={rows}", "optimizer=sgd", "scheduler=warmup_cosine"]
    overrides += ["regularization=[l1,gradient_clipping]", "trainer.max_epochs=3"]
    data, large_batches = fit(*overrides, f"batch_size={times * size}")
    _, accumulated = fit(
        *overrides, f"batch_size={size}", f"trainer.accumulate_grad_batches={times}"
    )
    assert len(data.splits["train"]["id"]) % (times * size) > 1
    assert accumulated.best_epoch == large_batches.best_epoch
    expected = [row["train/loss"] for row in large_batches.history]
    assert [row["train/loss"] for row in accumulated.history] == pytest.approx(expected, rel=1e-5)
    for name, value in accumulated.model.state_dict().items():
        torch.testing.assert_close(value, large_batches.model.state_dict()[name], rtol=0, atol=2e-6)


WEIGHTED = {
    "binary": ("task.class_weights=[1.0,9.0]",),
    "smoothed": (
        *("dataset.classes=3", "task.class_weights=[1,5,0.2]"),
        "regularization=[label_smoothing,l1]",
    ),
    "focal": ("dataset.classes=3", "task.class_weights=[1,5,0.2]", "loss=focal"),
    "labels": ("dataset.labels=3", "task.class_weights=[1,5,0.2]"),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", WEIGHTED)
def test_accumulated_batches_with_class_weights_are_one_larger_batch(case, fit):
    overrides = [*PLAIN, "optimizer=sgd", "optimizer.lr=0.3", "trainer.max_epochs=1"]
    overrides += WEIGHTED[case]
    _, large_batches = fit(*overrides, "batch_size=64")
    _, accumulated = fit(*overrides, "batch_size=16", "trainer.accumulate_grad_batches=4")
    for name, value in accumulated.model.state_dict().items():
        torch.testing.assert_close(value, large_batches.model.state_dict()[name], rtol=0, atol=1e-6)
    _, small_batches = fit(*overrides, "batch_size=16")
    state = small_batches.model.state_dict()
    assert any(not torch.equal(v, state[n]) for n, v in accumulated.model.state_dict().items())


@pytest.mark.parametrize("weights", [None, [0.5, 4.0]])
def test_the_mean_of_batches_by_their_normalizers_is_that_of_all_rows(weights):
    task = task_for(SPEC, class_weights=weights, monitor=None)
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(30, 1, generator=generator, dtype=torch.float64)
    target = (torch.rand(30, generator=generator) < 0.2).double()
    pieces = [slice(0, 7), slice(7, 8), slice(8, 30)]
    losses = torch.stack([task.loss(logits[rows], target[rows]) for rows in pieces])
    sizes = [task.normalizer(target[rows]) for rows in pieces]
    if weights is None:
        assert sizes == [None] * 3
        sizes = [torch.tensor(len(target[rows])) for rows in pieces]
    sizes = torch.stack(sizes).double()
    expected = task.loss(logits, target)
    assert float(losses @ sizes / sizes.sum()) == pytest.approx(float(expected), rel=1e-12)


class Recorder(Method):
    """Notes what it is called for, and with what state of gradients and weights."""

    def __init__(self):
        self.calls, self.targets = [], []

    def on_batch(self, batch):
        self.calls.append("on_batch")
        self.targets.append(batch["target"])
        return batch

    def penalty(self, model):
        self.calls.append("penalty")
        return 0.0

    def before_step(self, model, optimizer):
        self.calls.append("before_step")
        assert isinstance(optimizer.param_groups, list)
        assert all(p.grad is not None for p in model.parameters())
        self.weights = [p.detach().clone() for p in model.parameters()]

    def after_step(self, model, optimizer):
        self.calls.append("after_step")
        moved = [
            not torch.equal(a, b) for a, b in zip(self.weights, model.parameters(), strict=True)
        ]
        assert all(moved)


@pytest.mark.slow
def test_methods_are_called_once_a_batch_and_once_a_step(tmp_path):
    overrides = [*PLAIN, "dataset.classes=0", "batch_size=16", "trainer.accumulate_grad_batches=2"]
    _, data, network = prepared(*overrides, "trainer.max_epochs=2")
    network.methods = [Recorder()]
    network.fit(data, tmp_path)
    batch, step = ["on_batch", "penalty"], ["before_step", "after_step"]
    rows = len(data.splits["train"]["id"])
    assert math.ceil(rows / 16) == 9
    assert network.methods[0].calls == ([*batch, *batch, *step] * 4 + [*batch, *step]) * 2
    targets = torch.cat(network.methods[0].targets[:9])
    assert abs(float(targets.mean())) < 1e-5
    assert float(targets.std(correction=0)) == pytest.approx(1, rel=1e-5)


def test_what_is_kept_is_the_best_epoch_as_if_training_had_ended_there(fit):
    overrides = ["dataset=synthetic", "dataset.rows=300", "model=mlp_small", "optimizer.lr=0.02"]
    overrides += [
        "trainer=cpu",
        "batch_size=32",
        "model.dropout=0.5",
    ]  # with dropout, whose draws must not move either
    data, long = fit(*overrides, "trainer.max_epochs=12")
    assert 0 < long.best_epoch < 11
    scores = [row["val/log_loss"] for row in long.history]
    assert scores[long.best_epoch] == min(scores)
    _, short = fit(*overrides, f"trainer.max_epochs={long.best_epoch + 1}")
    test = data.splits["test"]
    assert torch.equal(long.predict(test), short.predict(test))


@pytest.mark.slow
def test_another_monitor_keeps_another_epoch(fit):
    overrides = ["dataset=synthetic", "dataset.rows=300", "model=mlp_small", "optimizer.lr=0.02"]
    overrides += ["trainer=cpu", "batch_size=32", "trainer.max_epochs=12", "task.monitor=accuracy"]
    _, network = fit(*overrides)
    scores = [row["val/accuracy"] for row in network.history]
    assert scores[network.best_epoch] == max(scores)
    assert network.best_epoch == scores.index(max(scores))


MODELS = ["linear", "mlp", "resnet", "ft_transformer", "tabm"]
OPTIMIZERS = ["sgd", "adamw", "muon"]
QUICK_PAIRS = [*zip(MODELS, [*OPTIMIZERS, *OPTIMIZERS], strict=False)]
CANCELLED = {"resnet": ("input_projection.bias", "linear2.bias")}  # by the batch norm behind them


@pytest.mark.slow
@pytest.mark.parametrize(("model", "optimizer"), [(m, o) for m in MODELS for o in OPTIMIZERS])
def test_every_trainable_parameter_moves_and_no_frozen_one(model, optimizer, tmp_path):
    small = [] if model in ("linear", "mlp") else ["model.width=16"]
    small += ["model.k=4"] if model == "tabm" else []
    overrides = [*DATA, f"model={model}", *small, f"optimizer={optimizer}", "optimizer.lr=0.01"]
    _, data, network = prepared(*overrides, "trainer=cpu", "trainer.max_epochs=3")
    named = dict(network.model.named_parameters())
    frozen = list(named)[:: max(2, len(named) // 4)]
    for name in frozen:
        named[name].requires_grad_(False)
    before = {name: p.detach().clone() for name, p in named.items()}
    network.fit(data, tmp_path)
    still = {name for name, p in named.items() if torch.equal(p, before[name])}
    stuck = {
        name for name in named if name.endswith(CANCELLED.get(model, ())) and model in CANCELLED
    }
    assert still >= set(frozen)
    assert still - stuck <= set(frozen)


@pytest.mark.slow
@pytest.mark.parametrize("model", ["mlp_small", "gradient_boosting"])
def test_a_heavier_class_is_predicted_more(model, tmp_path):
    overrides = [*DATA, "dataset.rows=400", f"model={model}", "trainer=cpu", "trainer.max_epochs=9"]
    overrides += ["optimizer.lr=0.01", "dataset.noise=1.5", "study=s", f"runs={tmp_path}"]
    shares = []
    for weights in ("[5.0,1.0]", "null", "[1.0,5.0]"):
        result = train(compose(*overrides, f"task.class_weights={weights}"))
        file = tmp_path / "s" / result.run / "predictions" / "test.parquet"
        shares.append(pd.read_parquet(file)["prediction"].mean())
    assert shares[0] + 0.1 < shares[1] < shares[2] - 0.1


@pytest.mark.slow
def test_balanced_weights_lift_the_rare_class(fit):
    overrides = ["dataset=german_credit", "model=linear", "trainer=cpu", "trainer.max_epochs=10"]
    data, plain = fit(*overrides, "optimizer.lr=0.02")
    _, balanced = fit(*overrides, "optimizer.lr=0.02", "task.class_weights=balanced")
    train = data.splits["train"]
    assert plain.predict(train).mean() == pytest.approx(0.3, abs=0.05)
    assert balanced.predict(train).mean() == pytest.approx(0.45, abs=0.06)


@pytest.mark.slow
def test_a_loss_that_is_not_a_number_ends_the_run_without_a_result(tmp_path):
    overrides = [*PLAIN, "optimizer=sgd", "optimizer.lr=1e30", "trainer.max_epochs=3"]
    with pytest.raises(TrainingError, match=r"(training loss|validation log_loss) is (nan|inf)"):
        train(compose(*overrides, f"runs={tmp_path}", "study=s"))
    assert not list(tmp_path.glob("s/*/result.json"))
    [row] = load(tmp_path / "s").to_dict("records")
    assert row["status"] == "diverged"
    assert "is nan" in row["error"] or "is inf" in row["error"]


@pytest.mark.slow
def test_double_precision_trains_and_predicts_in_64_bits(fit):
    overrides = [*PLAIN, "trainer.max_epochs=2"]
    data, exact = fit(*overrides, "trainer.precision=64-true")
    _, usual = fit(*overrides)
    assert {p.dtype for p in exact.model.parameters()} == {torch.float64}
    test = data.splits["test"]
    torch.testing.assert_close(
        exact.predict(test).double(), usual.predict(test).double(), rtol=0, atol=1e-4
    )
