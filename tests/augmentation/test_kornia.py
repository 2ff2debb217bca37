"""augmentation=kornia against kornia called by hand, a picture at a time."""

import kornia.augmentation
import pytest
import torch

from lepton import compose
from lepton.augmentation.kornia import SEEDS, Kornia
from lepton.config.check import check
from lepton.errors import ConfigError
from lepton.run import train
from lepton.testing import check_method
from tests.augmentation.options import batch_of, draw, made_up
from tests.augmentation.test_runs import DATA

BLUR = {"kernel_size": [3, 5], "angle": 90.0, "direction": 0.8, "p": 1.0}


def changed(batch, **operations):
    method = Kornia(operations=operations)
    method.prepare(torch.nn.Linear(1, 1), made_up("image"))
    return method.change(batch, draw())["image"]


def test_a_row_is_what_kornia_makes_of_it_alone_with_its_seed():
    batch = batch_of("image", rows=6)
    seeds = draw().each(batch["id"]).integers(SEEDS).tolist()
    blur = kornia.augmentation.RandomMotionBlur(**{**BLUR, "kernel_size": (3, 5)})
    noise = kornia.augmentation.RandomSaltAndPepperNoise(p=0.5)
    expected = []
    for seed, row in zip(seeds, batch["image"], strict=True):
        torch.manual_seed(seed)
        expected.append(noise(blur(row[None] / 255)))
    ours = changed(batch, RandomSaltAndPepperNoise={"p": 0.5}, RandomMotionBlur=BLUR)
    torch.testing.assert_close(ours, torch.cat(expected) * 255)


def test_inverted_pixels_are_what_they_lack_to_white():
    batch = batch_of("image")
    inverted = changed(batch, RandomInvert={"p": 1.0})
    torch.testing.assert_close(inverted, 255 - batch["image"].float())


def test_rows_have_numbers_of_their_own_whichever_batch_they_come_in():
    batch = batch_of("image", rows=16)
    same = batch | {"image": batch["image"][:1].expand_as(batch["image"])}
    whole = changed(same, RandomRotation={"degrees": 90.0, "p": 1.0})
    assert len({tuple(row.flatten().tolist()) for row in whole}) == 16
    rows = torch.tensor([11, 2, 7])
    few = changed({n: t[rows] for n, t in same.items()}, RandomRotation={"degrees": 90.0, "p": 1.0})
    assert torch.equal(few, whole[rows])


@pytest.mark.slow
def test_a_training_keeps_the_contract_of_methods_and_leaves_torchs_generator(here):
    check_method(Kornia(operations={"RandomMotionBlur": BLUR}), *DATA["image"])


@pytest.mark.slow
def test_runs_of_a_command_train_with_it(here):
    words = ("dataset=digits", "dataset.fraction=0.2", "model=cnn_small", "trainer=smoke")
    operations = "augmentation.kornia.operations={RandomMedianBlur:{}}"
    assert train(compose(*words, "augmentation=kornia", operations)).metrics


REFUSED = {
    "{}": r"operations: \{\} names none",
    "{RandomMotionBlurr: {}}": r"operations: there is no operation 'RandomMotionBlurr'; did you",
    "{AugmentationSequential: {}}": r"operations: there is no operation 'AugmentationSequential'",
    "{RandomRotation: {degree: 3}}": r"operations\.RandomRotation: .*'degree",
    "{RandomCrop: {size: [4, 4]}}": r"operations\.RandomCrop, dataset: .* of another size, 1 x 4 x",
    "{RandomHue: {hue: 0.1}}": r"operations\.RandomHue, dataset: cannot change pictures of 1 x 8 x",
}


@pytest.mark.parametrize("operations", REFUSED)
def test_what_kornia_cannot_do_is_refused_in_a_line_and_leaves_no_run(operations, here):
    words = ("dataset=digits", "model=cnn_small", "trainer=smoke", "augmentation=kornia")
    with pytest.raises(ConfigError, match=rf"^augmentation\.kornia\.{REFUSED[operations]}"):
        train(compose(*words, f"augmentation.kornia.operations={operations}"))
    assert not list(here.glob("runs/*/*"))


def test_texts_are_refused_before_anything_is_read():
    words = ("augmentation=kornia", "augmentation.kornia.operations={RandomInvert:{}}")
    with pytest.raises(ConfigError, match=r"^augmentation, dataset: augmentation=kornia changes"):
        check(compose("dataset=vader", "model=text_cnn", *words))
