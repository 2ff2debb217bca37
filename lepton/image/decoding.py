"""Decodes a picture, of a file, its bytes, an array or a Pillow image, to one in three modes."""

import importlib
import io
import struct
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from lepton.compat.optional import import_optional
from lepton.errors import DataError
from lepton.storage.file_cell import content_of, path_or_bytes
from lepton.storage.scratch import release_memory
from lepton.storage.threads import Allowance

if TYPE_CHECKING:
    from PIL.Image import Image

Made = TypeVar("Made")
Picture = Any  # a path, the bytes of a file, a dict of both, an array of pixels, or a Pillow image
IMAGE_ENDINGS = (
    *(".jpg", ".jpeg", ".png", ".gif", ".bmp", ".webp", ".tif", ".tiff"),
    *(".pbm", ".pgm", ".ppm", ".jp2", ".tga"),
)
MODES = {1: "L", 3: "RGB", 4: "RGBA"}  # by their number of channels
MODE_OF = {  # that a mode becomes without losing colour or transparency
    **dict.fromkeys(("1", "L"), "L"),
    **dict.fromkeys(("LA", "La", "PA", "RGBA", "RGBa"), "RGBA"),
}
DEEP_GREY = ("I;16", "I;16B", "I;16L", "I;16N", "I")  # 16 bits a pixel, or 32 of which 16 are used
FAULTS = (  # what Pillow's readers raise for damaged files, some by mistake
    *(OSError, ValueError, SyntaxError, EOFError, LookupError, TypeError, AttributeError),
    *(RuntimeError, ArithmeticError, AssertionError, MemoryError, struct.error, zlib.error),
)
DECODED_PIXELS = Allowance(1 << 24)  # of pictures that threads hold at once, 4 bytes each or 8
LARGE = 1 << 22  # pixels, whose memory each thread would keep for its next picture
ORIENTATION, TURNED = 0x0112, 5  # of EXIF, how the camera was held: from 5 on, on its side
LARGEST_REDUCTION = 8  # of a side, by which JPEG decodes at a fraction of the cost


def decode(picture: Picture, *, max_pixels: int, least: tuple[int, int] | None = None) -> "Image":
    """The picture, upright, in a mode of MODES: palettes become colours, 16 bits become 8.

    `least`: a file of a JPEG may come smaller by a power of two, but no smaller than that.
    Units: `least` height and width.
    Raises: DataError that says what is wrong with it, but not which it is.
    """
    return decode_into(_same, picture, max_pixels=max_pixels, least=least)


def decode_into(
    make: "Callable[[Image], Made]",
    picture: Picture,
    *,
    max_pixels: int,
    least: tuple[int, int] | None = None,
) -> Made:
    """What `make` makes of the picture that `decode` gives, from which it holds nothing.

    Threads may hold DECODED_PIXELS at once, so that many large pictures take no more memory.
    """
    with explained():
        if isinstance(picture, np.ndarray):
            return make(_of_array(picture))
        opened = _open(picture, max_pixels)
        reduction = _reduction(opened, least) if least and opened is not picture else 1
        pixels = opened.width * opened.height // reduction**2
        with DECODED_PIXELS.taken(pixels):
            try:
                return make(_decoded(opened, picture, reduction))
            finally:
                del opened
                if pixels > LARGE:
                    release_memory()


def _same(image: "Image") -> "Image":
    return image


def _decoded(opened: "Image", picture: Picture, reduction: int) -> "Image":
    upright = pillow("PIL.ImageOps").exif_transpose
    if opened is picture:  # the caller's, which stays as it is
        return in_simple_mode(upright(opened))
    if (pixels := _fast_jpeg(opened, picture, reduction)) is not None:
        decoded = pillow().fromarray(pixels)
        decoded.getexif().update(opened.getexif())
        upright(decoded, in_place=True)
        return decoded
    if reduction > 1:
        opened.draft(None, (opened.width // reduction, opened.height // reduction))
    opened.load()
    upright(opened, in_place=True)
    return in_simple_mode(opened)


def look(picture: Picture, *, max_pixels: int) -> tuple[int, int, int]:
    """The height, width and number of channels of a picture as `decode` gives it, from its head.

    Raises: DataError, as `decode`; that a file is damaged may show only when it is decoded.
    """
    with explained():
        if isinstance(picture, np.ndarray):
            picture = _of_array(picture)
            return picture.height, picture.width, len(picture.getbands())
        opened = _open(picture, max_pixels)
        width, height = opened.size
        if opened.getexif().get(ORIENTATION, 1) >= TURNED:
            width, height = height, width
        channels = {mode: count for count, mode in MODES.items()}
        return height, width, channels[_simple_mode(opened)]


def in_simple_mode(image: "Image") -> "Image":
    """The image in a mode of MODES.

    Raises: DataError for pixels without a range.
    """
    if image.mode in DEEP_GREY:
        return _of_array(np.asarray(image))
    if image.mode == "F":
        raise DataError("its pixels are fractions, whose range is not known")
    return in_mode(image, _simple_mode(image))


def in_mode(image: "Image", mode: str) -> "Image":
    """The image in a mode; itself where it has that."""
    return image if image.mode == mode else image.convert(mode)


def _simple_mode(image: "Image") -> str:
    if image.mode in DEEP_GREY:
        return "L"
    default = "RGBA" if "transparency" in image.info else "RGB"
    return default if image.mode == "P" else MODE_OF.get(image.mode, default)


def pillow(module: str = "PIL.Image") -> ModuleType:
    """A module of Pillow's.

    Raises: LeptonError that says how to install it.
    """
    return import_optional(module, needed_by="a data set of images")


def _open(picture: Picture, max_pixels: int) -> "Image":
    """The picture, of which only the head was read."""
    images = pillow()
    if isinstance(picture, images.Image):
        return picture
    content = content_of(picture, "picture")
    opened = images.open(io.BytesIO(content) if isinstance(content, bytes | bytearray) else content)
    width, height = opened.size
    if width * height > max_pixels:
        raise DataError(f"{width} x {height} pixels are more than dataset.max_pixels={max_pixels}")
    return opened


def _of_array(pixels: np.ndarray) -> "Image":
    """An array of (H, W), (H, W, 1), (H, W, 3) or (H, W, 4) pixels of 8 or 16 bits."""
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[:, :, 0]
    if pixels.ndim not in (2, 3) or (pixels.ndim == 3 and pixels.shape[2] not in MODES):
        raise DataError(f"an array of shape {pixels.shape} is no picture; (H, W, channels) is")
    if not pixels.size:
        raise DataError("it has no pixels")
    if pixels.dtype == bool:
        pixels = pixels.astype(np.uint8) * 255
    if pixels.dtype != np.uint8:
        if pixels.dtype.kind not in "iu" or pixels.min() < 0 or pixels.max() > 2**16 - 1:
            raise DataError(
                f"its pixels are {pixels.dtype} from {pixels.min()} to {pixels.max()}; "
                "whole numbers of 8 or 16 bits are right"
            )
        pixels = ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)
    return pillow().fromarray(np.ascontiguousarray(pixels))


def _reduction(image: "Image", least: tuple[int, int]) -> int:
    """By which power of two the sides of a JPEG may shrink, and be at least so high and wide."""
    if image.format != "JPEG":
        return 1
    is_turned = image.getexif().get(ORIENTATION, 1) >= TURNED
    least_width, least_height = least if is_turned else least[::-1]
    reduction = LARGEST_REDUCTION
    while reduction > 1 and (
        image.width < reduction * least_width or image.height < reduction * least_height
    ):
        reduction //= 2
    return reduction


def _fast_jpeg(image: "Image", picture: Picture, reduction: int) -> np.ndarray | None:
    """The pixels of a JPEG by simplejpeg, the same bits as Pillow's; None where that cannot be.

    Both decode by libjpeg-turbo; simplejpeg copies them less often.
    """
    if image.format != "JPEG" or image.mode not in ("L", "RGB"):
        return None
    try:
        simplejpeg = importlib.import_module("simplejpeg")
    except ImportError:
        return None
    picture = path_or_bytes(picture)
    content = picture if isinstance(picture, bytes | bytearray) else Path(picture).read_bytes()
    width, height = (-(-side // reduction) if reduction > 1 else 0 for side in image.size)
    try:
        pixels = simplejpeg.decode_jpeg(
            content,
            colorspace="GRAY" if image.mode == "L" else "RGB",
            min_height=height,
            min_width=width,
        )
    except ValueError:  # Pillow says what is wrong, or reads it
        return None
    return pixels[:, :, 0] if image.mode == "L" else pixels


@contextmanager
def quiet_decoding() -> Iterator[None]:
    """Silences Pillow, whose limit and whose warnings of odd metadata are none of the user's.

    It acts on all threads, and so is entered before some are started.
    """
    images: Any = pillow()
    limit, images.MAX_IMAGE_PIXELS = images.MAX_IMAGE_PIXELS, None  # `max_pixels` stands for it
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        images.MAX_IMAGE_PIXELS = limit


@contextmanager
def silent_pillow() -> Iterator[None]:
    """As `quiet_decoding`, in a thread beside which others may watch for warnings."""
    images: Any = pillow()
    warnings.filterwarnings("ignore", module=r"PIL\.")
    limit, images.MAX_IMAGE_PIXELS = images.MAX_IMAGE_PIXELS, None  # `max_pixels` stands for it
    try:
        yield
    finally:
        images.MAX_IMAGE_PIXELS = limit


@contextmanager
def explained() -> Iterator[None]:
    """Turns what Pillow raises for damaged and hostile files into a DataError."""
    images = pillow()
    try:
        yield
    except DataError:
        raise
    except images.DecompressionBombError as e:
        raise DataError(f"{' '.join(str(e).split())}; dataset.max_pixels bounds it") from None
    except FileNotFoundError:
        raise DataError("no such file") from None
    except pillow("PIL").UnidentifiedImageError:
        raise DataError("no picture that can be read (empty, or of another kind)") from None
    except FAULTS as e:
        raise DataError(
            f"cannot be decoded ({' '.join(str(e).split()) or type(e).__name__})"
        ) from e
