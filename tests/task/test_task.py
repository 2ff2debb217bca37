import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight
from torch.nn import functional as F

from lepton.errors import ConfigError
from lepton.spec import DataSpec
from lepton.task import task_for

ROWS, CLASSES = 40, {"binary": 2, "multiclass": 3, "multilabel": 3, "regression": 0}


def spec_for(task, counts=(), **changed):
    names = tuple("abc"[: CLASSES[task]])
    values = {
        "task": task,
        "outputs": 1 if task in ("binary", "regression") else 3,
        "classes": names,
        "class_counts": tuple(counts),
        "target_names": names if task == "multilabel" else ("y",),
        "target_mean": 10.0,
        "target_std": 4.0,
        "num_features": ("x",),
        "cat_features": (),
        "cat_cardinalities": (),
        "quantiles": ((0.0,),),
        "train_rows": ROWS,
    }
    return DataSpec(**values | changed)


def make(task, counts=(), class_weights=None, monitor=None):
    return task_for(spec_for(task, counts), class_weights=class_weights, monitor=monitor)


def example(task):
    """Logits and target in 64 bits."""
    g = torch.Generator().manual_seed(0)
    outputs = 1 if task in ("binary", "regression") else 3
    logits = torch.randn(ROWS, outputs, generator=g, dtype=torch.float64)
    target = {
        "binary": torch.randint(2, (ROWS,), generator=g).double(),
        "multiclass": torch.randint(3, (ROWS,), generator=g),
        "multilabel": torch.randint(2, (ROWS, 3), generator=g).double(),
        "regression": 10 + 4 * torch.randn(ROWS, generator=g, dtype=torch.float64),
    }[task]
    return logits, target


def two_classes(logits):
    """The two-class softmax that equals a sigmoid."""
    return torch.stack([torch.zeros_like(logits), logits], -1)


def test_losses_are_torchs_own():
    logits, target = example("binary")
    same = F.cross_entropy(two_classes(logits[:, 0]), target.long())
    torch.testing.assert_close(make("binary", (20, 20)).loss(logits, target), same)
    logits, target = example("multiclass")
    same = F.cross_entropy(logits, target)
    torch.testing.assert_close(make("multiclass", (9, 9, 9)).loss(logits, target), same)
    logits, target = example("multilabel")
    same = F.cross_entropy(two_classes(logits).flatten(0, 1), target.long().flatten())
    torch.testing.assert_close(make("multilabel", (9, 9, 9)).loss(logits, target), same)


def test_regression_learns_the_standardized_target_and_predicts_in_its_unit():
    task, (logits, target) = make("regression"), example("regression")
    encoded = task.encode(target)
    torch.testing.assert_close(encoded, (target - 10) / 4)
    torch.testing.assert_close(task.loss(logits, encoded), F.mse_loss(logits[:, 0], encoded))
    torch.testing.assert_close(task.predict(encoded[:, None]), target)


def test_a_constant_regression_target_stays_finite():
    task = task_for(spec_for("regression", target_std=0.0), class_weights=None, monitor=None)
    assert task.encode(torch.tensor([10.0, 12.0])).tolist() == [0.0, 2.0]


def test_class_weights_are_those_of_cross_entropy():
    logits, target = example("multiclass")
    weights = torch.tensor([0.5, 1.0, 4.0], dtype=torch.float64)
    task = make("multiclass", (9, 9, 9), weights.tolist())
    same = F.cross_entropy(logits, target, weight=weights)
    torch.testing.assert_close(task.loss(logits, target), same)
    logits, target = example("binary")
    same = F.cross_entropy(two_classes(logits[:, 0]), target.long(), weight=weights[1:])
    task = make("binary", (20, 20), [1.0, 4.0])
    torch.testing.assert_close(task.loss(logits, target), same)


def test_weights_of_labels_weigh_their_presence():
    logits, target = example("multilabel")
    weights = torch.tensor([0.5, 1.0, 4.0], dtype=torch.float64)
    each = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    factor = torch.where(target == 1, weights, 1.0)
    task = make("multilabel", (9, 9, 9), weights.tolist())
    torch.testing.assert_close(task.loss(logits, target), (factor * each).sum() / factor.sum())


def test_soft_targets_that_are_hard_cost_the_same_with_weights_and_without():
    logits, target = example("multiclass")
    for weights in (None, [0.5, 1.0, 4.0]):
        task = make("multiclass", (9, 9, 9), weights)
        soft = F.one_hot(target, 3).double()
        torch.testing.assert_close(task.loss(logits, soft), task.loss(logits, target))


def test_a_soft_target_is_a_mixture_of_weighted_samples():
    logits, target = example("multiclass")
    other, share, weights = target.flip(0), 0.3, torch.tensor([0.5, 1.0, 4.0]).double()
    soft = share * F.one_hot(other, 3) + (1 - share) * F.one_hot(target, 3).double()
    both = [F.cross_entropy(logits, y, weight=weights, reduction="sum") for y in (other, target)]
    total = share * weights[other].sum() + (1 - share) * weights[target].sum()
    task = make("multiclass", (9, 9, 9), weights.tolist())
    expected = (share * both[0] + (1 - share) * both[1]) / total
    torch.testing.assert_close(task.loss(logits, soft), expected)


def test_balanced_weights_are_scikit_learns():
    target = [0] * 30 + [1] * 6 + [2] * 4
    weights = make("multiclass", (30, 6, 4), "balanced").weights[:, 1]
    expected = compute_class_weight("balanced", classes=np.arange(3), y=target)
    torch.testing.assert_close(weights, torch.tensor(expected))
    expected = compute_class_weight("balanced", classes=np.arange(2), y=[0] * 30 + [1] * 10)
    weights = make("binary", (30, 10), "balanced").weights[0]
    torch.testing.assert_close(weights, torch.tensor(expected))
    weights = make("multilabel", (10, 20, 40), "balanced").weights[0]
    torch.testing.assert_close(weights, torch.tensor(expected))


@pytest.mark.parametrize("name", CLASSES)
def test_parallel_predictions_are_trained_one_by_one_and_averaged(name):
    task = make(name, (10,) * CLASSES[name], "balanced" if name != "regression" else None)
    logits, target = example(name)
    encoded, parallel_logits = task.encode(target), [logits, logits * 2, logits - 1]
    stacked = torch.stack(parallel_logits, dim=1)
    losses = torch.stack([task.loss(one_logits, encoded) for one_logits in parallel_logits])
    torch.testing.assert_close(task.loss(stacked, encoded), losses.mean())
    predictions = torch.stack([task.predict(one_logits) for one_logits in parallel_logits])
    torch.testing.assert_close(task.predict(stacked), predictions.mean(0))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", CLASSES)
def test_losses_can_be_vmapped_with_their_gradients(name, dtype):
    task = make(name, (10,) * CLASSES[name], "balanced" if name != "regression" else None)
    logits, target = example(name)
    encoded, stack = task.encode(target), torch.stack([logits, logits * 2]).to(dtype)
    grads = torch.func.vmap(torch.func.grad(task.loss), in_dims=(0, None))(stack, encoded)
    for member_logits, grad in zip(stack.unbind(), grads, strict=True):
        member_logits.requires_grad_()
        (expected,) = torch.autograd.grad(task.loss(member_logits, encoded), member_logits)
        torch.testing.assert_close(grad, expected)


@pytest.mark.parametrize("name", CLASSES)
def test_sixteen_bit_logits_lose_nothing_after_the_model(name):
    task = make(name, (10,) * CLASSES[name], "balanced" if name != "regression" else None)
    logits, target = example(name)
    half, target = logits.bfloat16(), target.float() if name != "multiclass" else target
    assert torch.equal(task.predict(half), task.predict(half.float()))
    encoded = task.encode(target)
    assert torch.equal(task.loss(half, encoded), task.loss(half.float(), encoded))


def test_the_constant_predictor_knows_the_shares():
    shares = {
        "binary": make("binary", (30, 10)),
        "multiclass": make("multiclass", (20, 10, 10)),
        "multilabel": make("multilabel", (30, 10, 20)),
        "regression": make("regression"),
    }
    assert shares["binary"].constant(2).tolist() == [0.25, 0.25]
    assert shares["multiclass"].constant(2).tolist() == [[0.5, 0.25, 0.25]] * 2
    assert shares["multilabel"].constant(2).tolist() == [[0.75, 0.25, 0.5]] * 2
    assert shares["regression"].constant(2).tolist() == [10.0, 10.0]


def test_the_monitor_says_which_way_is_better():
    assert (make("binary", (3, 3)).monitor, make("regression").monitor) == ("log_loss", "rmse")
    assert not make("binary", (3, 3)).larger_is_better
    assert make("binary", (3, 3), monitor="auroc").larger_is_better


@pytest.mark.parametrize(
    ("task", "options", "message"),
    [
        ("binary", {"monitor": "aurok"}, "task.monitor: .*'aurok'; did you mean 'auroc'"),
        ("multiclass", {"monitor": "ks"}, "task.monitor: .*'ks'.*log_loss, accuracy"),
        ("binary", {"class_weights": "balancd"}, "task.class_weights: 'balancd'.*'balanced'"),
        ("binary", {"class_weights": [1.0]}, "task.class_weights: .*has 1 .*needs.* 2, .* a, b"),
        ("multilabel", {"class_weights": [1.0]}, "one a label, 3, in the order a, b, c"),
        ("binary", {"class_weights": [1.0, -2.0]}, "task.class_weights: .*positive"),
        ("regression", {"class_weights": "balanced"}, "task.class_weights: .*regression"),
    ],
)
def test_a_task_that_does_not_fit_the_data_is_refused(task, options, message):
    with pytest.raises(ConfigError, match=message):
        make(task, (3,) * CLASSES[task], **options)


def test_all_mistakes_are_told_at_once():
    with pytest.raises(ConfigError) as caught:
        make("binary", (3, 3), class_weights=[1.0], monitor="x")
    assert len(caught.value.problems) == 2
