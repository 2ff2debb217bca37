"""Losses against independent formulas, and training with them alone, stacked and accumulated."""

import json

import numpy as np
import pytest
import torch
from sklearn.metrics import mean_pinball_loss
from torch.nn import functional as F

from lepton import build, load_model
from lepton.config.check import check
from lepton.config.compose import compose
from lepton.errors import ConfigError
from lepton.example import make_batch, make_spec
from lepton.storage.predictions import read_predictions
from lepton.storage.results import finished_result

FAST = ("model=mlp_small", "trainer=cpu", "trainer.max_epochs=3", "trainer.progress=false")
TABLE = ("dataset=synthetic", "dataset.rows=300")
REGRESSION = (*TABLE, "dataset.classes=0")


def task_with(name, *overrides):
    """The task of made-up data, with a loss of the command line, and its logits and target."""
    config, spec = check(compose(*TABLE, *overrides)), make_spec(name)
    generator = torch.Generator().manual_seed(1)
    logits = 2 * torch.randn(64, spec.outputs, generator=generator, dtype=torch.float64)
    return build.task(config, spec), logits, make_batch(spec)["target"]


def torchvisions_focal(logits, target, gamma):
    """As torchvision.ops.sigmoid_focal_loss computes it, without alpha and a reduction."""
    p = logits.sigmoid()
    p_of_truth = p * target + (1 - p) * (1 - target)
    cross_entropy = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    return cross_entropy * (1 - p_of_truth) ** gamma


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0, 5.0])
@pytest.mark.parametrize("name", ["binary", "multilabel"])
def test_focal_of_two_classes_is_torchvisions(name, gamma):
    task, logits, target = task_with(name, "loss=focal", f"loss.gamma={gamma}")
    expected = torchvisions_focal(logits, target.double().reshape(logits.shape), gamma).mean()
    torch.testing.assert_close(task.loss(logits, target), expected)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_focal_of_several_classes_is_the_papers_formula(gamma):
    task, logits, target = task_with("multiclass", "loss=focal", f"loss.gamma={gamma}")
    p = logits.softmax(-1).numpy()[np.arange(64), target]
    expected = -((1 - p) ** gamma * np.log(p)).mean()
    assert task.loss(logits, target).item() == pytest.approx(expected)


def test_focal_of_a_soft_target_is_the_mean_over_what_it_may_be():
    task, logits, _ = task_with("multiclass", "loss=focal")
    soft = torch.rand(64, 3, dtype=torch.float64).softmax(-1)
    of_class = [
        torch.stack([task.loss(row[None], torch.tensor([c])) for row in logits]) for c in range(3)
    ]
    expected = (soft * torch.stack(of_class, 1)).sum(1).mean()
    torch.testing.assert_close(task.loss(logits, soft), expected)
    task, logits, target = task_with("binary", "loss=focal")
    of_both = 0.3 * task.loss(logits, target) + 0.7 * task.loss(logits, 1 - target)
    mixed = 0.3 * target + 0.7 * (1 - target)
    torch.testing.assert_close(task.loss(logits, mixed.double()), of_both)


@pytest.mark.parametrize("name", ["binary", "multiclass"])
def test_focal_has_finite_gradients_where_the_model_is_certain(name):
    task, logits, target = task_with(name, "loss=focal", "loss.gamma=0.5")
    certain = (1e4 * logits.float()).requires_grad_()
    task.loss(certain, target).backward()
    assert torch.isfinite(certain.grad).all()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "weights"),
    [("binary", "[1,4]"), ("multiclass", "[1,4,2]"), ("multilabel", "[1,4,2,3]")],
)
def test_class_weights_weigh_the_rows_of_a_loss_as_they_weigh_cross_entropy(name, weights):
    weights = f"task.class_weights={weights}"
    task, logits, target = task_with(name, "loss=focal", "loss.gamma=0.0", weights)
    plain, _, _ = task_with(name, weights)
    torch.testing.assert_close(task.loss(logits, target), plain.loss(logits, target))
    if name == "multiclass":
        soft = F.one_hot(target, 3).double()
        torch.testing.assert_close(task.loss(logits, soft), plain.loss(logits, target))


@pytest.mark.parametrize("delta", [0.3, 1.0, 4.0])
def test_huber_is_torchs(delta):
    task, logits, target = task_with("regression", "loss=huber", f"loss.delta={delta}")
    encoded = task.encode(target)
    expected = torch.nn.HuberLoss(delta=delta)(logits.squeeze(-1), encoded.double())
    torch.testing.assert_close(task.loss(logits, encoded), expected)


@pytest.mark.parametrize("level", [0.1, 0.5, 0.9])
def test_quantile_is_sklearns_pinball_loss(level):
    task, logits, target = task_with("regression", "loss=quantile", f"loss.level={level}")
    encoded = task.encode(target)
    expected = mean_pinball_loss(encoded.numpy(), logits.squeeze(-1).numpy(), alpha=level)
    assert task.loss(logits, encoded).item() == pytest.approx(expected)
    prediction = task.predict(logits)
    scored = task.score(prediction, target)["pinball"]
    assert scored == pytest.approx(mean_pinball_loss(target, prediction, alpha=level))
    assert task.monitor == "pinball"
    assert not task.larger_is_better


def test_a_class_of_torch_is_a_loss_and_so_is_a_function_of_it():
    overrides = "+loss._target_=torch.nn.SmoothL1Loss", "+loss.beta=0.5"
    task, logits, target = task_with("regression", *overrides)
    expected = F.smooth_l1_loss(logits.squeeze(-1), target.double(), beta=0.5)
    torch.testing.assert_close(task.loss(logits, target), expected)
    task, logits, target = task_with("regression", "+loss._target_=torch.nn.functional.l1_loss")
    expected = F.l1_loss(logits.squeeze(-1), target.double())
    torch.testing.assert_close(task.loss(logits, target), expected)


@pytest.mark.slow
def test_predicted_is_the_quantile_that_was_asked_for(run):
    for level in (0.1, 0.9):
        folder = run(
            *(*REGRESSION, "dataset.rows=1500", "dataset.noise=3.0", "loss=quantile"),
            *(f"loss.level={level}", "model=linear", "trainer=cpu", "trainer.max_epochs=40"),
            *("trainer.progress=false", "optimizer.lr=0.03"),
        )
        result = json.loads((folder / "result.json").read_text())
        assert result["score"] == -result["metrics"]["val/pinball"]
        assert result["metrics"]["test/pinball"] < result["constant"]["test/pinball"]
        assert result["added"]["larger_is_better"] == {"pinball": False}
        stored = read_predictions(folder, "test")
        share = (stored.target < stored.prediction).double().mean().item()
        assert share == pytest.approx(level, abs=0.06)
    assert load_model(folder).learner.task.row_loss.level == 0.9


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["basic", "vectorized"])
def test_the_constant_predictor_of_a_quantile_is_numpys_of_the_training_targets(
    lepton, here, launcher
):
    overrides = (*REGRESSION, "dataset.rows=300", "loss=quantile", "model=linear", "trainer=cpu")
    words = (*overrides, "trainer.max_epochs=1", "trainer.progress=false", "loss.level=0.2,0.9")
    code, _, _ = lepton("train", "-m", *words, f"hydra/launcher={launcher}")
    assert code == 0
    data = build.data(check(compose(*overrides)))
    train, test = (data.splits[split]["target"].double().numpy() for split in ("train", "test"))
    folders = sorted(path.parent for path in here.glob("runs/*/*/result.json"))
    assert len(folders) == 2
    for folder in folders:
        result = finished_result(folder)
        level = result.config["loss"]["level"]
        constant = np.full(len(test), np.quantile(train, level))
        expected = mean_pinball_loss(test, constant, alpha=level)
        assert result.constant["test/pinball"] == pytest.approx(expected, rel=1e-5)


def in_classes(name, logits):
    """Probabilities (rows, labels, 2) of two classes, or (rows, 1, classes), and class numbers."""
    if name == "multiclass":
        return logits.softmax(-1).numpy()[:, None]
    p = logits.sigmoid().numpy()
    return np.stack([1 - p, p], -1)


def of_truth(name, logits, target):
    """The probability of what is true. Shapes: (rows, labels), or (rows, 1)."""
    numbers = target.long().numpy().reshape(len(logits), -1, 1)
    return np.take_along_axis(in_classes(name, logits), numbers, -1).squeeze(-1)


FORMULAS = {  # of the papers, by the probability of the true class
    "poly1": ("epsilon=-0.5", lambda p: -np.log(p) - 0.5 * (1 - p)),
    "generalized_cross_entropy": ("q=0.4", lambda p: (1 - p**0.4) / 0.4),
}


@pytest.mark.parametrize("name", ["binary", "multiclass", "multilabel"])
@pytest.mark.parametrize("loss", FORMULAS)
def test_losses_of_the_true_class_are_the_papers_formulas_for_soft_targets_too(loss, name):
    key, formula = FORMULAS[loss]
    task, logits, target = task_with(name, f"loss={loss}", f"loss.{key}")
    expected = formula(of_truth(name, logits, target)).mean()
    assert task.loss(logits, target).item() == pytest.approx(expected)
    if name == "multiclass":
        shares = torch.rand(64, 3, dtype=torch.float64).softmax(-1)
        expected = (shares[:, None].numpy() * formula(in_classes(name, logits))).sum(-1).mean()
    else:
        shares = 0.8 * target.double() + 0.1
        yes_and_no = np.stack([1 - shares.numpy(), shares.numpy()], -1).reshape(64, -1, 2)
        expected = (yes_and_no * formula(in_classes(name, logits))).sum(-1).mean()
    assert task.loss(logits, shares).item() == pytest.approx(expected)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["binary", "multilabel"])
def test_asymmetric_is_the_papers_formula(name):
    words = ("loss.gamma_present=0.5", "loss.gamma_absent=3", "loss.margin=0.1")
    task, logits, target = task_with(name, "loss=asymmetric", *words)
    p, y = logits.sigmoid().numpy(), target.double().numpy().reshape(logits.shape)
    lowered = np.maximum(p - 0.1, 0)
    expected = -(y * (1 - p) ** 0.5 * np.log(p) + (1 - y) * lowered**3 * np.log(1 - lowered))
    assert task.loss(logits, target).item() == pytest.approx(expected.mean())
    zeros = ("loss.gamma_present=0", "loss.gamma_absent=0", "loss.margin=0")
    plain, (cross_entropy, _, _) = task_with(name, "loss=asymmetric", *zeros)[0], task_with(name)
    torch.testing.assert_close(plain.loss(logits, target), cross_entropy.loss(logits, target))


@pytest.mark.parametrize(
    ("loss", "words"),
    [
        ("poly1", ()),
        ("generalized_cross_entropy", ("loss.q=0.1",)),
        ("asymmetric", ("loss.gamma_absent=0.5", "loss.margin=0")),
        ("asymmetric", ("loss.gamma_absent=0.5", "loss.gamma_present=0.5")),
    ],
)
def test_gradients_are_finite_where_the_model_is_certain(loss, words):
    task, logits, target = task_with("binary", f"loss={loss}", *words)
    certain = (1e4 * logits.float()).requires_grad_()
    value = task.loss(certain, target)
    value.backward()
    assert torch.isfinite(value)
    assert torch.isfinite(certain.grad).all()


STACKS = {
    "poly1": (*TABLE, "loss=poly1", "loss.epsilon=0.0,3.0", "dataset.classes=3"),
    "generalized_cross_entropy": (*TABLE, "loss=generalized_cross_entropy", "loss.q=0.2,1.0"),
    "asymmetric": (*TABLE, "loss=asymmetric", "loss.margin=0.0,0.2", "loss.gamma_absent=2.0"),
    "focal": (*TABLE, "loss=focal", "loss.gamma=0.0,3.0", "task.class_weights=[1,3]"),
    "focal, soft": (
        *(*TABLE, "dataset.classes=3", "loss=focal", "loss.gamma=1.0,3.0"),
        "regularization=label_smoothing",
    ),
    "huber, accumulated": (
        *(*REGRESSION, "loss=huber", "loss.delta=0.1,2.0"),
        "trainer.accumulate_grad_batches=3",
    ),
    "quantile": (*REGRESSION, "loss=quantile", "loss.level=0.2,0.8"),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", STACKS)
def test_numbers_of_a_loss_differ_in_a_stack_and_give_what_the_runs_give_alone(gap, case):
    overrides = (*STACKS[case], *FAST, "batch_size=32", "trainer.precision=64-true")
    assert gap(*overrides) < 1e-9


@pytest.mark.slow
def test_accumulated_batches_learn_what_one_large_batch_does(run):
    scores = []
    for batch in (("batch_size=64",), ("batch_size=16", "trainer.accumulate_grad_batches=4")):
        overrides = (*TABLE, *FAST, *batch, "loss=focal", "model.dropout=0.0")
        folder = run(*overrides, "trainer.precision=64-true")
        scores.append(json.loads((folder / "result.json").read_text())["score"])
    assert scores[0] == pytest.approx(scores[1], abs=1e-9)


@pytest.mark.slow
def test_a_loss_for_another_task_is_refused_in_one_line():
    for overrides, message in {
        ("dataset=diabetes", "loss=focal"): "loss=focal: is for binary, multiclass, multilabel; da",
        ("dataset=digits_flat", "loss=huber"): "loss=huber: is for regression; dataset.task",
    }.items():
        with pytest.raises(ConfigError, match=message) as error:
            check(compose(*overrides))
        assert len(error.value.problems) == 1
    with pytest.raises(ConfigError, match="loss=quantile: is for regression; this target is bin"):
        task_with("binary", "loss=quantile")


@pytest.mark.parametrize(
    ("name", "overrides", "message"),
    [
        ("binary", ("loss=focal", "loss.gamma=-1.0"), "loss.gamma: -1.0 is not float, 0 at least"),
        ("regression", ("loss=huber", "loss.delta=0.0"), "loss.delta: 0.0 is not float, above 0"),
        ("binary", ("loss=poly1", "loss.epsilon=-2.0"), "loss.epsilon: -2.0 is not float, -1 at"),
        ("binary", ("loss=generalized_cross_entropy", "loss.q=0.0"), "loss.q: 0.0 is not float, a"),
        ("binary", ("loss=asymmetric", "loss.margin=1.0"), "loss.margin: 1.0 is not float, from 0"),
        ("multiclass", ("loss=asymmetric",), "loss=asymmetric: is for binary, multilabel; this"),
        (
            "regression",
            ("loss=quantile", "loss.level=1.0"),
            "loss.level: 1.0 is not float, between",
        ),
        ("binary", ("loss=focal", "+loss.gama=1"), r"loss\.gama: loss=focal has no such key; did"),
        (
            "regression",
            ("+loss._target_=torch.nn.L1Loss", "+loss.reduction=sum"),
            r"loss\.reduction: set by lepton",
        ),
        ("multiclass", ("+loss._target_=torch.nn.MSELoss",), "does not go with this target: The s"),
        ("binary", ("+loss._target_=torch.nn.BCELoss",), "does not go with this target: all elem"),
        ("regression", ("+loss._target_=torch.nn.Identity",), "loss=?"),
    ],
)
def test_values_that_make_no_sense_are_refused_in_one_line(name, overrides, message):
    with pytest.raises(ConfigError, match=message):
        task_with(name, *overrides)


def test_a_loss_that_does_not_give_each_row_a_number_is_refused_in_one_line():
    task, logits, target = task_with("regression", "+loss._target_=torch.nn.HuberLoss")
    task.row_loss = torch.nn.HuberLoss()
    with pytest.raises(ConfigError, match=r"loss: gave the shape \(\) for 64 rows; each needs one"):
        task.loss(logits, target)
