"""Corruptions of pictures, held to the standard library, Pillow and a convolution."""

import colorsys
import io

import numpy as np
import pytest
import torch
from PIL import Image

from lepton.dataset.corruptions.picture import PictureCorruptions

CHANGES = PictureCorruptions.functions
PICTURE = np.random.default_rng(0).uniform(0.1, 0.6, (3, 32, 32))


def corrupted(name, severity, picture=PICTURE):
    return CHANGES[name](picture, severity, np.random.default_rng(1))


def test_noise_has_the_standard_deviation_of_the_benchmark():
    for picture, expected in ((PICTURE, 0.06), (np.full((1, 200, 200), 0.5), 0.12)):
        noise = corrupted("gaussian_noise", 2, picture) - picture
        assert noise.std() == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize(("side", "severity", "width"), [(32, 5, 1.0), (64, 3, 1.4), (16, 1, 0.4)])
def test_a_blurred_point_is_a_normal_kernel_as_wide_beside_the_picture_as_in_the_benchmark(
    side, severity, width
):
    point = np.zeros((1, side, side))
    point[0, side // 2, side // 2] = 1
    places = np.arange(side) - side // 2
    kernel = np.exp(-(places**2) / (2 * width**2))
    expected = np.outer(kernel, kernel) / kernel.sum() ** 2
    np.testing.assert_allclose(corrupted("blur", severity, point)[0], expected, atol=1e-3)


def test_brightness_is_the_value_of_hue_saturation_and_value():
    changed = corrupted("brightness", 4)
    for row, column in ((0, 0), (5, 20), (31, 31)):
        hue, saturation, value = colorsys.rgb_to_hsv(*PICTURE[:, row, column])
        expected = colorsys.hsv_to_rgb(hue, saturation, min(value + 0.2, 1))
        np.testing.assert_allclose(changed[:, row, column], expected)
    grey = np.array([[[0.0, 0.5, 0.95]]])
    np.testing.assert_allclose(corrupted("brightness", 4, grey), [[[0.2, 0.7, 1.0]]])


def test_less_contrast_keeps_the_mean_and_a_share_of_the_spread():
    changed = corrupted("contrast", 3)
    np.testing.assert_allclose(changed.mean((1, 2)), PICTURE.mean((1, 2)))
    np.testing.assert_allclose(changed.std((1, 2)), 0.4 * PICTURE.std((1, 2)))


def test_jpeg_and_pixels_are_those_of_pillow():
    image = Image.fromarray((PICTURE * 255).round().astype(np.uint8).transpose(1, 2, 0))
    content = io.BytesIO()
    image.save(content, "JPEG", quality=58)
    expected = np.asarray(Image.open(content)).transpose(2, 0, 1) / 255
    np.testing.assert_allclose(corrupted("jpeg", 3), expected)
    box = Image.Resampling.BOX
    coarse = np.asarray(image.resize((20, 20), box).resize((32, 32), box)).transpose(2, 0, 1)
    np.testing.assert_allclose(corrupted("pixelate", 5), coarse / 255)


class OfPictures:
    name = "image"


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("shape", [(2, 1, 12, 12), (2, 4, 12, 10), (2, 3, 3, 9, 9)])
def test_pixels_stay_whole_of_their_shape_and_as_they_were_given(name, shape):
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(256, shape, dtype=torch.uint8, generator=generator)
    before = pixels.clone()
    kind = PictureCorruptions(OfPictures())
    made = kind.corrupted(name, 5, None, {"image": pixels}, np.random.default_rng(0))["image"]
    assert (made.dtype, made.shape) == (torch.uint8, pixels.shape)
    assert torch.equal(pixels, before)
    assert not torch.equal(made, before)
    if shape[-3] == 4:
        assert torch.equal(made[..., 3, :, :], before[..., 3, :, :])
