"""Pictures of all kinds become the pixels that Pillow and NumPy give for them."""

import io
import struct
import threading
import time
from functools import partial
from unittest.mock import Mock

import numpy as np
import pytest
from PIL import Image, ImageOps

from lepton.errors import DataError
from lepton.image.decoding import decode, decode_into, look
from lepton.image.picture_reader import PictureReader, in_threads
from lepton.storage.threads import Allowance

HEIGHT, WIDTH = 37, 53
LIMIT = 10_000


@pytest.fixture(scope="module")
def colours():
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    return np.stack([rows * 6, columns * 4, (rows + columns) * 2], 2).astype(np.uint8)


def encoded(image, kind, **options):
    content = io.BytesIO()
    image.save(content, kind, **options)
    return content.getvalue()


def pixels(picture, **options):
    return np.asarray(decode(picture, max_pixels=LIMIT, **options))


def test_grey_colours_and_transparency_keep_their_pixels(colours):
    grey, alpha = colours[:, :, 0], np.dstack([colours, colours[:, :, :1]])
    for array in (grey, colours, alpha):
        assert np.array_equal(pixels(encoded(Image.fromarray(array), "PNG")), array)
        assert np.array_equal(pixels(array), array)
        assert np.array_equal(pixels(Image.fromarray(array)), array)


def test_a_palette_becomes_its_colours(colours):
    palette = Image.fromarray(colours).quantize(16)
    expected = np.array(palette.getpalette()).reshape(-1, 3)[np.asarray(palette)]
    assert np.array_equal(pixels(encoded(palette, "PNG")), expected)


def test_a_palette_with_a_transparent_colour_becomes_four_channels(colours):
    palette = Image.fromarray(colours).quantize(16)
    content = encoded(palette, "PNG", transparency=3)
    assert np.array_equal(pixels(content)[:, :, 3] == 0, np.asarray(palette) == 3)


def test_sixteen_bits_become_the_nearest_of_eight(colours):
    deep = colours[:, :, 0].astype(np.uint16) * 257 + 90
    for picture in (encoded(Image.fromarray(deep), "PNG"), deep):
        assert np.array_equal(pixels(picture), np.rint(deep / 257).astype(np.uint8))


def test_cmyk_becomes_colours(colours):
    content = encoded(Image.fromarray(colours).convert("CMYK"), "TIFF")
    assert np.abs(pixels(content).astype(int) - colours).max() <= 1


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photo_stands_as_the_camera_was_held(orientation, colours):
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = encoded(Image.fromarray(colours), "JPEG", exif=exif, quality=95)
    expected = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(content))))
    assert np.array_equal(pixels(content), expected)
    assert look(content, max_pixels=LIMIT) == expected.shape


@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize("least", [(9, 13), (4, 4), (18, 30)])
def test_a_jpeg_comes_smaller_by_a_power_of_two_but_no_smaller_than_asked(
    least, orientation, colours
):
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = encoded(Image.fromarray(colours), "JPEG", exif=exif, quality=95)
    height, width = pixels(content, least=least).shape[:2]
    assert height >= least[0]
    assert width >= least[1]
    full_height, full_width, _ = pixels(content).shape
    powers = [p for p in (1, 2, 4, 8) if full_height >= p * least[0] and full_width >= p * least[1]]
    assert (height, width) == (-(-full_height // powers[-1]), -(-full_width // powers[-1]))


def test_simplejpeg_gives_the_bits_of_pillow(colours, monkeypatch):
    pytest.importorskip("simplejpeg", reason="simplejpeg is not installed")
    contents = [
        encoded(Image.fromarray(array), "JPEG", quality=90, subsampling=subsampling)
        for array in (colours, colours[:, :, 0])
        for subsampling in (0, 2)
    ]
    sizes = (None, (30, 40), (9, 13), (4, 4))
    fast = [pixels(content, least=least) for content in contents for least in sizes]
    monkeypatch.setitem(__import__("sys").modules, "simplejpeg", None)
    slow = [pixels(content, least=least) for content in contents for least in sizes]
    assert all(map(np.array_equal, fast, slow))


@pytest.mark.parametrize(
    ("picture", "words"),
    [
        (b"", "no picture"),
        (b"hello", "no picture"),
        ("nowhere.png", "no such file"),
        (np.zeros((3, 4, 2), np.uint8), r"shape \(3, 4, 2\)"),
        (np.zeros((0, 4), np.uint8), "no pixels"),
        (np.full((3, 4), 0.5), "float64"),
        (np.full((3, 4), 70_000), "70000"),
        (np.full((3, 4), -1), "-1"),
        (4, "int is no picture"),
    ],
)
def test_what_is_no_picture_is_said_to_be_none(picture, words):
    for read in (decode, look):
        with pytest.raises(DataError, match=words):
            read(picture, max_pixels=LIMIT)


def test_a_picture_that_is_cut_short_is_refused(colours):
    for kind in ("PNG", "JPEG"):
        content = encoded(Image.fromarray(colours), kind)
        with pytest.raises(DataError, match=r"cannot be decoded|no picture"):
            pixels(content[: len(content) // 2])


@pytest.mark.slow
def test_a_bomb_is_refused_before_it_is_unpacked():
    content = encoded(Image.new("1", (20_000, 20_000)), "PNG")
    assert len(content) < 100_000
    with pytest.raises(DataError, match=r"20000 x 20000 pixels .* dataset\.max_pixels=10000"):
        list(map(_raise, in_threads(reader(3, 3).read, [content], str)))


def _raise(value):
    if isinstance(value, Exception):
        raise value
    return value


def reader(height, width, channels=3, fit="crop"):
    return PictureReader(height, width, channels, fit, max_pixels=LIMIT)


@pytest.mark.parametrize("error", [RuntimeError, MemoryError, struct.error, OverflowError])
def test_what_a_decoder_raises_for_a_damaged_file_is_told_of_the_file(colours, monkeypatch, error):
    content = encoded(Image.fromarray(colours), "PNG")
    monkeypatch.setattr(Image, "open", Mock(side_effect=error("broken")))
    (fault,) = in_threads(reader(3, 3).read, [content], "row {}".format)
    assert str(fault) == "row 0: cannot be decoded (broken)"


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_picture_of_the_callers_stays_as_it_is(colours, kind):
    exif = Image.Exif()
    exif[0x0112] = 6
    content = encoded(Image.fromarray(colours), kind, exif=exif)
    opened = Image.open(io.BytesIO(content))
    turned = pixels(content)
    for _ in range(2):
        assert np.array_equal(pixels(opened, least=(8, 8)), turned)
    assert opened.size == (WIDTH, HEIGHT)
    assert opened.getexif()[0x0112] == 6


def test_threads_hold_no_more_pixels_at_once_than_are_allowed(monkeypatch):
    monkeypatch.setattr("lepton.image.decoding.DECODED_PIXELS", Allowance(2 * 30 * 30))
    content = encoded(Image.new("RGB", (30, 30)), "PNG")
    held, most, lock, met = 0, 0, threading.Lock(), threading.Event()

    def make(image):
        nonlocal held, most
        with lock:
            held += 1
            most = max(most, held)
            if held == 2:
                met.set()
        met.wait(60)  # for another, which may come late where the processors are busy
        time.sleep(0.002)  # in which a third would come, were it let
        with lock:
            held -= 1
        return image.size

    work = partial(decode_into, make, max_pixels=LIMIT)
    assert [*in_threads(work, [content] * 20, str)] == [(30, 30)] * 20
    assert most == 2
    large = encoded(Image.new("RGB", (60, 60)), "PNG")
    most = 0
    assert [*in_threads(work, [large] * 5, str)] == [(60, 60)] * 5
    assert most == 1


def test_transparency_is_laid_on_white():
    array = np.zeros((4, 4, 4), np.uint8)
    array[:2, :, 3] = 255
    expected = np.zeros((3, 4, 4), np.uint8)
    expected[:, 2:] = 255
    assert np.array_equal(reader(4, 4).read(array), expected)
    assert np.array_equal(reader(4, 4, channels=4).read(array), array.transpose(2, 0, 1))


def test_a_shape_is_cropped_padded_or_stretched():
    wide = np.zeros((10, 30, 3), np.uint8)
    wide[:, 10:20] = 200
    assert (reader(10, 10, fit="crop").read(wide) == 200).all()
    padded = reader(30, 30, fit="pad").read(wide)
    assert not padded[:, :9].any()
    assert padded[:, 15, 15].tolist() == [200] * 3
    stretched = reader(10, 10, fit="stretch").read(wide)
    assert stretched[0, 5].tolist() == pytest.approx(
        [0] * 3 + [133, 200, 200, 133] + [0] * 3, abs=10
    )


def test_threads_keep_the_order_and_name_what_is_wrong(colours):
    pictures = [colours, b"", colours[::-1]]
    first, second, third = in_threads(reader(HEIGHT, WIDTH).read, pictures, "row {}".format)
    assert np.array_equal(first, colours.transpose(2, 0, 1))
    assert np.array_equal(third, colours[::-1].transpose(2, 0, 1))
    assert str(second).startswith("row 1: no picture")
