"""Augmentations of pictures against scipy's maps of places, PIL's enhancers and boxes by hand."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance, ImageOps
from scipy import ndimage

from lepton.augmentation.machinery.colours import with_brightness, with_contrast, with_saturation
from lepton.augmentation.machinery.grid import linear_maps, warp
from lepton.augmentation.machinery.operations import OPERATIONS, augmented
from lepton.errors import ConfigError
from tests.augmentation.options import batch_of as made_batch
from tests.augmentation.options import draw, made, made_up

SIDES = (9, 14)
SCIPY_MODES = {"zeros": "grid-constant", "border": "nearest", "reflection": "reflect"}
ENHANCERS = {
    ImageEnhance.Brightness: with_brightness,
    ImageEnhance.Contrast: with_contrast,
    ImageEnhance.Color: with_saturation,
}
STILL = {"rotation": 0.0, "scale": 0.0, "shift": 0.0, "flip": 0.0}


@pytest.fixture(scope="module")
def pictures():
    pixels = torch.randint(256, (3, 2, *SIDES), generator=torch.Generator().manual_seed(0))
    return pixels.double()


def batch_of(pixels):
    return {"image": pixels, "id": torch.arange(len(pixels))}


@pytest.mark.parametrize("border", SCIPY_MODES)
def test_pixels_move_as_scipy_moves_them(pictures, border):
    degrees, scale = torch.tensor([0.0, 30.0, -75.0]), torch.tensor([1.0, 1.3, 0.8])
    shear, shift = (
        torch.tensor([0.0, 0.2, -0.4]),
        torch.tensor([[2.0, -1.0], [0.5, 3.3], [-4.0, 0]]),
    )
    maps = linear_maps(
        degrees=degrees.double(),
        scale=(-scale.double(), scale.double()),
        shear=(shear.double(),) * 2,
    )
    moved = warp(pictures, maps, shift.double(), border).numpy()
    for row in range(3):
        angle, s, k = np.deg2rad(float(degrees[row])), float(scale[row]), float(shear[row])
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        whole = turn @ np.diag([-s, s]) @ np.array([[1, k], [k, 1]])  # of places (x, y)
        back = np.linalg.inv(whole)[::-1, ::-1]  # of places (row, column)
        middle = (np.array(SIDES) - 1) / 2
        offset = middle - back @ (middle + shift[row].numpy()[::-1])
        for channel in range(2):
            expected = ndimage.affine_transform(
                pictures[row, channel].numpy(), back, offset, order=1, mode=SCIPY_MODES[border]
            )
            np.testing.assert_allclose(moved[row, channel], expected, atol=1e-4)


def test_a_turn_is_clockwise_and_a_shift_goes_right_and_down():
    dot = torch.zeros(1, 1, 9, 9).double()
    dot[0, 0, 0, 4] = 1  # above the middle
    quarter = linear_maps(
        degrees=torch.tensor([90.0]).double(),
        scale=(torch.ones(1).double(),) * 2,
        shear=(torch.zeros(1).double(),) * 2,
    )
    turned = warp(dot, quarter, torch.tensor([[-1.0, 2.0]]).double(), "zeros")
    assert turned[0, 0].round().nonzero().tolist() == [[6, 7]]


def test_affine_keeps_to_its_numbers(pictures):
    def same(**values):
        return made("affine", **{**STILL, **values}).on_batch(batch_of(pictures), draw())["image"]

    torch.testing.assert_close(same(), pictures, atol=1e-3, rtol=0)
    torch.testing.assert_close(same(flip=1.0), pictures.flip(-1), atol=1e-3, rtol=0)
    many = torch.zeros(400, 1, 21, 21).double()
    many[:, :, 10, 10] = 1
    shifted = made("affine", **{**STILL, "shift": 0.2, "border": "zeros"})
    moved = shifted.on_batch(batch_of(many), draw())["image"]
    places = torch.arange(21).double() - 10
    for weights in (moved.sum((1, 2)), moved.sum((1, 3))):
        offsets = (weights * places).sum(1)
        assert offsets.abs().max() <= 4.2
        assert offsets.std().item() == pytest.approx(4.2 / 3**0.5, rel=0.1)
    mirrored = made("affine", **{**STILL, "flip": 0.3}).on_batch(batch_of(many + places), draw())
    rate = (mirrored["image"][:, 0, 0, 0] > 0).double().mean()
    assert rate.item() == pytest.approx(0.3, abs=0.07)


@pytest.mark.parametrize("enhancer", ENHANCERS)
@pytest.mark.parametrize("factor", [0.0, 0.4, 1.0, 1.5])
def test_colours_are_those_of_pils_enhancers(enhancer, factor):
    pixels = np.random.default_rng(0).integers(0, 256, (7, 5, 3), dtype=np.uint8)
    expected = np.asarray(enhancer(Image.fromarray(pixels)).enhance(factor), dtype=float)
    ours = torch.from_numpy(pixels).double().permute(2, 0, 1)[None]
    ours = ENHANCERS[enhancer](ours, torch.tensor([factor]))[0].permute(1, 2, 0)
    assert np.abs(ours.numpy() - expected).max() <= 1.4  # PIL rounds greys, then cuts


def test_jitter_is_its_three_factors_one_after_the_other(pictures):
    colours = pictures[:, [0, 1, 0]]
    method = made("color_jitter", brightness=0.3, contrast=0.6, saturation=0.9)
    changed = method.on_batch(batch_of(colours), draw())["image"]
    chances = 2 * draw().each(torch.arange(3)).uniform((3,)) - 1
    expected = with_brightness(colours, 1 + 0.3 * chances[:, 0])
    expected = with_contrast(expected, 1 + 0.6 * chances[:, 1])
    torch.testing.assert_close(changed, with_saturation(expected, 1 + 0.9 * chances[:, 2]))
    alpha = torch.cat([colours, colours[:, :1]], 1)
    assert torch.equal(method.on_batch(batch_of(alpha), draw())["image"][:, 3], colours[:, 0])


def test_a_crop_is_a_window_of_the_picture_with_black_around_it():
    pixels = torch.arange(1, 65).reshape(1, 1, 8, 8).expand(500, 1, 8, 8).double()
    changed = made("crop", margin=0.25).on_batch(batch_of(pixels), draw())["image"].numpy()
    padded = np.pad(pixels[0, 0].numpy(), 2)
    windows = [padded[i : i + 8, j : j + 8] for i in range(5) for j in range(5)]
    seen = [next(k for k, w in enumerate(windows) if np.array_equal(w, c[0])) for c in changed]
    counts = np.bincount(seen, minlength=25)
    assert counts.min() > 5
    assert counts.max() < 45


@pytest.mark.slow
@pytest.mark.parametrize("fill", ["noise", "mean"])
def test_erased_boxes_have_the_areas_and_shapes_that_were_asked_for(fill):
    spec = made_up("image")
    pixels = torch.full((600, 3, 40, 40), 300.0)
    values = {"probability": 0.7, "smallest": 0.1, "largest": 0.2, "aspect": 0.5, "fill": fill}
    erased = made("random_erasing", spec, **values).on_batch(batch_of(pixels), draw())["image"]
    boxes = (erased != 300).all(1)
    is_erased = boxes.flatten(1).any(1)
    assert is_erased.double().mean().item() == pytest.approx(0.7, abs=0.06)
    areas, shapes = [], []
    for box in boxes[is_erased]:
        rows, columns = box.any(1).nonzero(), box.any(0).nonzero()
        sides = int(rows.max() - rows.min()) + 1, int(columns.max() - columns.min()) + 1
        assert box.sum() == sides[0] * sides[1]
        areas.append(sides[0] * sides[1] / 1600)
        shapes.append(sides[0] / sides[1])
    assert 0.09 < min(areas) < 0.11
    assert 0.19 < max(areas) < 0.215
    assert 0.45 < min(shapes) < 0.6
    assert 1.6 < max(shapes) < 2.2
    inside = erased.movedim(1, -1)[boxes]
    mean = (
        255 * torch.tensor(spec.inputs["image"]["mean"]) if fill == "mean" else torch.tensor(127.5)
    )
    torch.testing.assert_close(inside.mean(0), mean.expand(3), atol=1.0, rtol=0)
    assert (inside.std() < 60) == (fill == "mean")


def test_noise_on_pixels_has_its_share_of_their_spread():
    spec = made_up("image")
    spec = replace(spec, inputs={"image": {**spec.inputs["image"], "std": [0.1, 0.2, 0.3]}})
    pixels = torch.full((50, 3, 20, 20), 100, dtype=torch.uint8)
    noisy = made("gaussian_noise", spec, std=0.5).on_batch(batch_of(pixels), draw())["image"]
    deviations = (noisy - 100).std((0, 2, 3)).tolist()
    assert deviations == pytest.approx([12.75, 25.5, 38.25], rel=0.03)


def test_a_smallest_box_above_the_largest_is_refused():
    with pytest.raises(ConfigError, match=r"random_erasing\.smallest: 0\.5 is above largest, 0\.1"):
        made("random_erasing", smallest=0.5, largest=0.1)


@pytest.fixture(scope="module")
def photo():
    ramp = np.add.outer(np.arange(24) * 5, np.arange(32) * 3)[..., None] + np.array([0, 10, 25])
    noise = np.random.default_rng(1).integers(-9, 9, ramp.shape)
    return np.clip(ramp // 2 + 30 + noise, 0, 255).astype(np.uint8)


def one_operation(photo, name, amount):
    """The photo after one operation of trivial_augment, as an array."""
    pixels = torch.from_numpy(photo).double().permute(2, 0, 1)[None]
    amounts = torch.tensor([abs(amount)]).double(), torch.tensor([amount]).double()
    changed = augmented(pixels, torch.tensor([OPERATIONS.index(name)]), *amounts)
    return changed[0].permute(1, 2, 0).numpy()


PIL_OPERATIONS = {  # the operation, its strength, and the same by PIL
    "brightness": (0.5, lambda image: ImageEnhance.Brightness(image).enhance(1.45)),
    "color": (-0.5, lambda image: ImageEnhance.Color(image).enhance(0.55)),
    "contrast": (0.5, lambda image: ImageEnhance.Contrast(image).enhance(1.45)),
    "sharpness": (1.0, lambda image: ImageEnhance.Sharpness(image).enhance(1.9)),
    "posterize": (0.75, lambda image: ImageOps.posterize(image, 5)),
    "solarize": (0.5, lambda image: ImageOps.solarize(image, 128)),
    "autocontrast": (0.3, ImageOps.autocontrast),
    "equalize": (0.3, ImageOps.equalize),
    "identity": (1.0, lambda image: image),
}


@pytest.mark.parametrize("name", PIL_OPERATIONS)
def test_operations_on_tones_are_those_of_pil(photo, name):
    amount, by_pil = PIL_OPERATIONS[name]
    expected = np.asarray(by_pil(Image.fromarray(photo))).astype(float)
    tolerance = 2.1 if name == "sharpness" else 1.4  # PIL rounds what it blends with
    assert np.abs(one_operation(photo, name, amount) - expected).max() <= tolerance
    assert (name == "identity") == np.array_equal(expected, photo)


MAPS = {  # of places (x, y) from the middle, and shifts of width and height
    "shear_x": ([[1, 0.15], [0, 1]], (0, 0)),
    "shear_y": ([[1, 0], [0.15, 1]], (0, 0)),
    "translate_x": ([[1, 0], [0, 1]], (5, 0)),
    "translate_y": ([[1, 0], [0, 1]], (0, 3.75)),
    "rotate": (
        [[np.cos(np.pi / 12), -np.sin(np.pi / 12)], [np.sin(np.pi / 12), np.cos(np.pi / 12)]],
        (0, 0),
    ),
}


@pytest.mark.parametrize("name", MAPS)
def test_operations_that_move_pixels_are_scipys_maps(photo, name):
    matrix, shift = MAPS[name]
    back = np.linalg.inv(matrix)[::-1, ::-1]
    middle = (np.array(photo.shape[:2]) - 1) / 2
    offset = middle - back @ (middle + np.array(shift)[::-1])
    changed = one_operation(photo, name, 0.5)
    for channel in range(3):
        expected = ndimage.affine_transform(
            photo[..., channel].astype(float), back, offset, order=1, mode="grid-constant"
        )
        np.testing.assert_allclose(changed[..., channel], expected, atol=1e-3)


@pytest.mark.slow
def test_each_picture_has_one_operation_and_all_come_equally_often(photo):
    pixels = torch.from_numpy(photo).double().permute(2, 0, 1)[None].expand(700, -1, -1, -1)
    changed = made("trivial_augment").on_batch(batch_of(pixels), draw())["image"]
    own = draw().each(torch.arange(700))
    operation, levels = own.integers(14), own.integers(31)
    signs = torch.where(own.bernoulli(0.5), 1.0, -1.0)
    counts = torch.bincount(operation, minlength=14)
    assert counts.min() > 25
    for row in range(0, 700, 20):
        name, amount = OPERATIONS[operation[row]], float(signs[row] * levels[row] / 30)
        expected = one_operation(photo, name, amount).transpose(2, 0, 1)
        np.testing.assert_allclose(changed[row].numpy(), expected, atol=1e-3)
    weak = made("trivial_augment", strength=0.0).on_batch(batch_of(pixels), draw())["image"]
    is_same = torch.isclose(weak, pixels, atol=1e-3).flatten(1).all(1)
    assert {OPERATIONS[place] for place in operation[~is_same]} == {"autocontrast", "equalize"}


@pytest.fixture
def in_64_bits():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.slow
@pytest.mark.usefixtures("in_64_bits")
def test_randaugment_is_a_chain_of_drawn_operations_at_one_strength(photo):
    pixels = torch.from_numpy(photo).double().permute(2, 0, 1)[None].expand(60, -1, -1, -1)
    method = made("randaugment", operations=3, magnitude=12)
    changed = method.on_batch(batch_of(pixels), draw())["image"]
    own, chains = draw().each(torch.arange(60)), []
    for _ in range(3):
        operation, is_positive = own.integers(14), own.bernoulli(0.5)
        amounts = torch.where(is_positive, 0.4, -0.4).tolist()
        names = [OPERATIONS[place] for place in operation]
        chains.append(list(zip(names, amounts, strict=True)))
    assert len({name for step in chains for name, _ in step}) == 14
    for row in range(60):
        expected = photo
        for step in chains:
            expected = one_operation(expected, *step[row])
        np.testing.assert_allclose(changed[row].numpy(), expected.transpose(2, 0, 1), atol=1e-3)
    with pytest.raises(ConfigError, match=r"augmentation\.randaugment: operations=0, magnitude=9"):
        made("randaugment", operations=0)
    with pytest.raises(ConfigError, match=r"augmentation\.randaugment: operations=2, magnitude=31"):
        made("randaugment", magnitude=31)


@pytest.mark.parametrize("name", ["affine", "crop", "color_jitter", "random_erasing"])
def test_pictures_beside_clips_of_another_size_are_changed_as_without_them(name):
    spec, clips = made_up("image"), made_up("video")
    spec = replace(spec, inputs={**spec.inputs, **clips.inputs})
    method = made(name, spec)
    pictures, both = made_batch("image"), made_batch("image") | made_batch("video")
    after = method.on_batch(both, draw())
    assert torch.equal(method.on_batch(pictures, draw())["image"], after["image"])
    assert not torch.equal(after["video"], both["video"])
