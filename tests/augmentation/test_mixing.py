"""Mixup and CutMix against losses for both targets, areas and rows by hand."""

from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F

from lepton.errors import ConfigError
from lepton.example import make_spec
from lepton.task import task_for
from tests.augmentation.options import batch_of, draw, made, made_up


@pytest.fixture(autouse=True)
def _in_64_bits():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def numbers(task, rows=12):
    """A spec of numbers alone, and a batch whose encoded target goes with the task."""
    spec = make_spec(task, cardinalities=())
    batch = {"num": torch.randn(rows, 3), "id": torch.arange(rows) + 40}
    batch["target"] = batch_of("table", task, rows)["target"]
    return spec, batch


def shares(batch, alpha):
    """The shares and the partners that the option draws."""
    drawn = draw()
    own, partners = drawn.each(batch["id"]), drawn.permutation(len(batch["id"]))
    return own.beta(alpha, alpha), partners


def task_of(spec, class_weights=None):
    return task_for(spec, class_weights=class_weights, monitor=None, calibration_bins=15)


LOSSES = {
    "binary": lambda logits, t: F.binary_cross_entropy_with_logits(
        logits[:, 0], t, reduction="none"
    ),
    "multiclass": lambda logits, t: F.cross_entropy(logits, t, reduction="none"),
    "multilabel": lambda logits, t: F.binary_cross_entropy_with_logits(
        logits, t, reduction="none"
    ).mean(1),
}


@pytest.mark.parametrize("task", LOSSES)
def test_mixups_loss_is_that_of_both_targets_by_their_shares(task):
    spec, batch = numbers(task)
    share, partners = shares(batch, 0.7)
    mixed = made("mixup", spec, alpha=0.7).on_batch(batch, draw())
    expected = share[:, None] * batch["num"] + (1 - share)[:, None] * batch["num"][partners]
    torch.testing.assert_close(mixed["num"], expected)
    logits, loss = torch.randn(12, spec.outputs), LOSSES[task]
    both = loss(logits, batch["target"]), loss(logits, batch["target"][partners])
    expected = (share * both[0] + (1 - share) * both[1]).mean()
    torch.testing.assert_close(task_of(spec).loss_of(logits, mixed), expected)


@pytest.mark.parametrize("task", LOSSES)
def test_rows_count_by_their_own_weights_within_a_mixture(task):
    spec, batch = numbers(task)
    weight = torch.tensor([0.0, 0.0, 3.0, 1.0, 0.5, 2.0] * 2)
    share, partners = shares(batch, 0.7)
    mixed = made("mixup", spec, alpha=0.7).on_batch(batch | {"weight": weight}, draw())
    logits, loss = torch.randn(12, spec.outputs), LOSSES[task]
    own, other = share * weight, (1 - share) * weight[partners]
    total = own * loss(logits, batch["target"]) + other * loss(logits, batch["target"][partners])
    expected = total.sum() / (own + other).sum()
    torch.testing.assert_close(task_of(spec).loss_of(logits, mixed), expected)


@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_classes_count_by_their_weights_in_each_of_the_two_targets(task):
    spec, batch = numbers(task)
    of_class = torch.arange(1.0, 1 + len(spec.classes))
    share, partners = shares(batch, 0.7)
    mixed = made("mixup", spec, alpha=0.7).on_batch(batch, draw())
    logits, target = torch.randn(12, spec.outputs), batch["target"]
    own = share * of_class[target.long()]
    other = (1 - share) * of_class[target[partners].long()]
    losses = (LOSSES[task](logits, labels) for labels in (target, target[partners]))
    total = sum((weight * loss).sum() for weight, loss in zip((own, other), losses, strict=True))
    loss = task_of(spec, of_class.tolist()).loss_of(logits, mixed)
    torch.testing.assert_close(loss, total / (own + other).sum())


def test_a_quantity_with_weights_is_learned_as_from_both_rows():
    """The gradient is that of the squared errors from both, by shares and weights."""
    spec, batch = numbers("regression")
    weight = torch.tensor([0.0, 1e-20, 3.0, 1.0, 0.5, 2.0] * 2)
    share, partners = shares(batch, 0.7)
    mixed = made("mixup", spec, alpha=0.7).on_batch(batch | {"weight": weight}, draw())
    logits = torch.randn(12, 1, requires_grad=True)
    own, other = share * weight, (1 - share) * weight[partners]
    both = (logits[:, 0] - batch["target"], logits[:, 0] - batch["target"][partners])
    total = (own * both[0].square() + other * both[1].square()).sum() / (own + other).sum()
    (expected,) = torch.autograd.grad(total, logits)
    (gradient,) = torch.autograd.grad(task_of(spec).loss_of(logits, mixed), logits)
    torch.testing.assert_close(gradient, expected)
    tiny = made("mixup", spec, alpha=0.7).on_batch(batch | {"weight": weight * 1e-20}, draw())
    torch.testing.assert_close(tiny["target"], mixed["target"])


def test_a_quantity_is_mixed_as_its_row_is():
    spec, batch = numbers("regression")
    share, partners = shares(batch, 0.7)
    mixed = made("mixup", spec, alpha=0.7).on_batch(batch, draw())
    expected = share * batch["target"] + (1 - share) * batch["target"][partners]
    torch.testing.assert_close(mixed["target"], expected)


def test_shares_are_of_the_beta_distribution():
    ids = torch.arange(20_000)
    batch = {"num": ids[:, None].double(), "target": ids.double(), "id": ids}
    spec = make_spec("regression", numbers=1, cardinalities=())
    method = made("mixup", spec, alpha=0.4)
    share, _ = shares(batch, 0.4)
    assert share.mean().item() == pytest.approx(0.5, abs=0.01)
    assert share.var().item() == pytest.approx(1 / (4 * 1.8), rel=0.03)  # of beta(a, a)
    mixed = method.on_batch(batch, draw())
    torch.testing.assert_close(mixed["num"][:, 0], mixed["target"])


def test_categories_are_refused_or_picked_by_the_shares():
    with pytest.raises(ConfigError, match=r"mixup\.categories, dataset: .*categories=pick"):
        made("mixup", made_up("table"))
    rows = 6000
    cells = torch.arange(rows)[:, None].expand(rows, 2)
    batch = {"cat": cells, "target": torch.zeros(rows), "id": torch.arange(rows)}
    spec = make_spec("binary", numbers=0, cardinalities=(rows, rows))
    mixed = made("mixup", spec, alpha=1.0, categories="pick").on_batch(batch, draw())["cat"]
    share, partners = shares(batch, 1.0)
    is_own = mixed == cells
    assert (is_own | (mixed == partners[:, None])).all()
    for low in (0.0, 0.5, 0.8):
        some = (share >= low) & (share < low + 0.2)
        assert is_own[some].double().mean() == pytest.approx(low + 0.1, abs=0.03)


def test_sounds_are_mixed_to_the_end_of_the_longer():
    batch = batch_of("audio")
    share, partners = shares(batch, 0.7)
    mixed = made("mixup", made_up("audio"), alpha=0.7).on_batch(batch, draw())
    own, other = batch["audio"].double(), batch["audio"][partners].double()
    expected = share[:, None] * own + (1 - share)[:, None] * other
    assert (mixed["audio"] - expected).abs().max() <= 0.5 + 1e-9
    longer = torch.maximum(batch["audio_length"], batch["audio_length"][partners])
    assert torch.equal(mixed["audio_length"], longer)


@pytest.mark.parametrize("name", ["mixup", "cutmix"])
def test_rows_without_a_target_and_texts_are_refused(name):
    spec = made_up("image")
    with pytest.raises(ConfigError, match=f"augmentation, task: augmentation={name} mixes"):
        made(name, replace(spec, task="none"))
    several = replace(made_up("text"), inputs=spec.inputs)
    with pytest.raises(ConfigError, match=f"augmentation={name} .* inputs of the kind text"):
        made(name, several)


@pytest.mark.parametrize("name", ["mixup", "cutmix"])
def test_rows_that_may_lack_an_input_are_refused_and_those_that_all_have_it_are_mixed(name):
    spec = made_up("image")
    marks = {"kinds": ("image",), "columns": (("photo",),)}
    several = {
        absence: replace(spec, inputs={**spec.inputs, "presence": {**marks, "absence": absence}})
        for absence in ("keep", "drop")
    }
    with pytest.raises(ConfigError, match=r"dataset\.absent: .* dataset\.absent=drop leaves such"):
        made(name, several["keep"])
    batch = batch_of("image") | {"present": torch.ones(16, 1, dtype=torch.bool)}
    mixed = made(name, several["drop"]).on_batch(batch, draw())
    assert not torch.equal(mixed["image"], batch["image"].double())
    assert torch.equal(mixed["present"], batch["present"])


@pytest.mark.parametrize("kind", ["image", "video"])
def test_cutmix_mixes_the_target_by_the_area_that_it_has_put_in(kind):
    spec, batch = made_up(kind), batch_of(kind, rows=64)
    pixels = batch[kind]
    numbered = torch.arange(64).reshape(64, *[1] * (pixels.ndim - 1)).expand_as(pixels)
    mixed = made("cutmix", spec).on_batch(batch | {kind: numbered}, draw())
    partners = (d := draw(), d.permutation(64))[1]
    is_own = mixed[kind] == numbered
    assert (is_own | (mixed[kind] == numbered[partners])).all()
    share = is_own.double().flatten(1).mean(1)
    target = F.one_hot(batch["target"], spec.outputs).double()
    fixed = partners == torch.arange(64)
    expected = share[:, None] * target + (1 - share)[:, None] * target[partners]
    torch.testing.assert_close(mixed["target"][~fixed], expected[~fixed])
    assert 0.3 < share.mean() < 0.8
    row = int(((share < 0.9) & (share > 0.1)).nonzero()[0])
    box = ~is_own[row].flatten(0, -3)[0]
    rows, columns = box.any(1).nonzero(), box.any(0).nonzero()
    assert box[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1].all()  # one box


def test_a_probability_of_0_puts_in_no_box():
    batch = batch_of("image")
    same = made("cutmix", made_up("image"), probability=0.0).on_batch(batch, draw())
    assert torch.equal(same["image"], batch["image"].double())
    assert torch.equal(same["target"].argmax(1), batch["target"])
