"""Heat maps: numbers for the places of a picture, as colours laid over it."""

import html
import io
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lepton.image.decoding import MODES, pillow

if TYPE_CHECKING:
    from PIL.Image import Image

STOPS = (0.0, 0.35, 0.7, 1.0)  # shares of the hottest place, and their colours
COLOURS = ((30, 0, 90), (200, 30, 80), (250, 160, 20), (255, 255, 160))
OPACITY = 0.75  # of the hottest place; others are clearer by their share of it
LEAST_SIDE = 192  # to which the shorter side of small pictures is magnified, in pixels
GAP = 4  # between a picture and its heat map, in pixels
PAGE = """<!doctype html><meta charset="utf-8"><title>{title}</title>
<style>body{{font:15px/1.4 system-ui,sans-serif;margin:2em;max-width:80em}}
figure{{display:inline-block;margin:0 1.5em 1.5em 0}}figcaption{{font-size:13px}}</style>
<h1>{title}</h1><p>{words}</p>
{sections}"""


@dataclass(frozen=True)
class HeatFigure:
    """A picture beside its heat map, as PNG, and what stands below."""

    png: bytes
    caption: str


def heat_picture(pixels: np.ndarray, heat: np.ndarray, *, hottest: float) -> bytes:
    """A picture and, beside it, the same under its heat map, as a PNG.

    Shapes: pixels (channels, H, W) uint8, heat (h, w) of any size, 0 or more; `hottest` has the
        brightest colour, as does what is above it.
    """
    image = as_image(pixels)
    scale = max(1, -(-LEAST_SIDE // min(image.size)))
    resampling = pillow().Resampling
    image = image.resize((image.width * scale, image.height * scale), resampling.NEAREST)
    shares = np.clip(heat / hottest if hottest > 0 else heat * 0, 0, 1).astype(np.float32)
    stretched = pillow().fromarray(shares).resize(image.size, resampling.BILINEAR)
    share = np.asarray(stretched)[..., None]
    opacity = OPACITY * share
    overlaid = (1 - opacity) * np.asarray(image) + opacity * colours_of(share[..., 0])
    both = pillow().new("RGB", (2 * image.width + GAP, image.height), "white")
    both.paste(image, (0, 0))
    both.paste(pillow().fromarray(overlaid.round().astype(np.uint8)), (image.width + GAP, 0))
    content = io.BytesIO()
    both.save(content, "PNG")
    return content.getvalue()


def colours_of(share: np.ndarray) -> np.ndarray:
    """The colours of shares from 0 to 1. Shapes: (...,) -> (..., 3) from 0 to 255."""
    channels = [np.interp(share, STOPS, values) for values in zip(*COLOURS, strict=True)]
    return np.stack(channels, -1)


def as_image(pixels: np.ndarray) -> "Image":
    """The picture of an array, in colours. Shapes: (channels, H, W) uint8."""
    rows = pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0)
    return pillow().fromarray(np.ascontiguousarray(rows), MODES[len(pixels)]).convert("RGB")


def heat_page(title: str, words: str, sections: Sequence[tuple[str, Sequence[HeatFigure]]]) -> str:
    """A page of figures under headings, with all pictures inside of it."""
    blocks = []
    for heading, figures in sections:
        blocks.append(f"<h2>{html.escape(heading)}</h2>")
        blocks += [_figure(figure) for figure in figures]
        blocks += [] if figures else ["<p>none</p>"]
    title, words = html.escape(title), html.escape(words)
    return PAGE.format(title=title, words=words, sections="\n".join(blocks))


def _figure(figure: HeatFigure) -> str:
    caption = html.escape(figure.caption)
    address = f"data:image/png;base64,{b64encode(figure.png).decode()}"
    picture = f'<img src="{address}" alt="{caption}">'
    return f"<figure>{picture}<figcaption>{caption}</figcaption></figure>"
