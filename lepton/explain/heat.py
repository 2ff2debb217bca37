"""Maps over pictures, and parts of texts by how much they count, as a page shows them."""

import numpy as np

from lepton.dataset.inputs.explained import Explained, Shaded, picture_of
from lepton.dataset.inputs.picture import Picture

SHOWN_PIXELS = 144  # of the longer side
FOR, AGAINST = np.array([214.0, 69, 13]), np.array([31.0, 95, 168])  # colours of the map
STRONGEST = 0.99  # quantile of a map that is shown in full strength
FADED = 0.45  # how much of the picture is left below a map
MAX_PARTS, MAX_TEXT = 12, 40  # of a row's columns, and characters of what stands in them


def heat_picture(values: np.ndarray, pixels: np.ndarray, alt: str) -> Picture:
    """A map over the picture, orange for what speaks for the output and blue against it.

    Shapes: values (H, W); pixels (H, W) or (H, W, 3).
    """
    base = _coloured(pixels).mean(2, keepdims=True) * FADED + 255 * (1 - FADED) * 0.5
    strength = np.abs(values)
    top = float(np.quantile(strength, STRONGEST)) or float(strength.max()) or 1.0
    alpha = np.clip(strength / top, 0, 1)[..., None] ** 0.8
    colour = np.where(values[..., None] > 0, FOR, AGAINST)
    return picture_of(_to_size(base * (1 - alpha) + colour * alpha), alt)


def plain_picture(pixels: np.ndarray, alt: str) -> Picture:
    """The picture by itself. Shapes: as `heat_picture`."""
    return picture_of(_to_size(_coloured(pixels)), alt)


def _coloured(pixels: np.ndarray) -> np.ndarray:
    pixels = pixels.astype(float)
    return np.repeat(pixels[..., None], 3, axis=2) if pixels.ndim == 2 else pixels


def _to_size(pixels: np.ndarray) -> np.ndarray:
    """Few pixels as squares, many thinned out. Shapes: (H, W, 3) -> uint8."""
    longest = max(pixels.shape[:2])
    if (larger := SHOWN_PIXELS // longest) > 1:
        pixels = pixels.repeat(larger, 0).repeat(larger, 1)
    step = -(-longest // (2 * SHOWN_PIXELS))
    return np.clip(pixels[::step, ::step].round(), 0, 255).astype(np.uint8)


def shaded_parts(explained: Explained) -> Shaded:
    """Words as they follow one another, or the columns that count most with what is in them."""
    top = float(np.abs(explained.values).max(initial=0)) or 1.0
    shares = (explained.values / top).tolist()
    if explained.in_order:
        return Shaded([*zip(explained.texts, shares, strict=True)])
    order = np.argsort(-np.abs(explained.values), kind="stable")[:MAX_PARTS]
    parts = []
    for i in order:
        text = explained.texts[i]
        text = text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + "…"
        parts.append((f"{explained.names[i]}={text} {explained.values[i]:+.3g}", shares[i]))
    return Shaded(parts)
