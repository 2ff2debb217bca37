"""Explained: how much each part of one input moved an output, as a kind of inputs tells it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from lepton.dataset.inputs.picture import Picture
from lepton.errors import LeptonError
from lepton.spec import DataSpec
from lepton.values.png import png

if TYPE_CHECKING:
    import pandas as pd


PIECE_SECONDS = 0.05  # of a waveform, to which numbers are attributed together


class Shaded(str):
    """A text in parts, each with a number from -1 to 1 by which a page shades it."""

    parts: tuple[tuple[str, float], ...]

    def __new__(cls, parts: Sequence[tuple[str, float]]) -> "Shaded":
        shaded = super().__new__(cls, " ".join(text for text, _ in parts))
        shaded.parts = tuple(parts)
        return shaded


@dataclass(frozen=True)
class Explained:
    """What was attributed to the parts of one input.

    Of words and columns `names` are those parts, `texts` what stands in them; of a picture there
    are none, and `pixels` lie below the map. `in_order`: the parts are read one after the other.
    `is_turned`: rows of the map are shown as columns, and its columns from the bottom up. `frames`
    of a clip lie side by side, and are shown in rows.
    Shapes: values (parts,), or (H, W) with pixels (H, W) or (H, W, 3) uint8.
    """

    values: np.ndarray
    names: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    in_order: bool = False
    pixels: np.ndarray | None = None
    is_turned: bool = False
    frames: int = 1

    def upright(self, values: np.ndarray) -> np.ndarray:
        """A map, or the pixels, as a page shows them. Shapes: (H, W, ...)."""
        if self.frames > 1:
            return _in_rows(np.split(values, self.frames, 1))
        return np.flip(values.swapaxes(0, 1), 0) if self.is_turned else values

    def by_frame(self) -> tuple[tuple[str, ...], np.ndarray]:
        """The frames of a clip with what was attributed to each; of anything else none."""
        if self.frames == 1:
            return (), np.zeros(0)
        parts = np.split(self.values, self.frames, 1)
        names = tuple(f"frame {number}" for number in range(1, self.frames + 1))
        return names, np.array([float(part.sum()) for part in parts])


def _in_rows(frames: Sequence[np.ndarray]) -> np.ndarray:
    """Frames in rows, as many as there are columns, or fewer."""
    columns = math.ceil(math.sqrt(len(frames)))
    blanks = [np.zeros_like(frames[0])] * (-len(frames) % columns)
    filled = [*frames, *blanks]
    rows = [filled[start : start + columns] for start in range(0, len(filled), columns)]
    return np.concatenate([np.concatenate(row, 1) for row in rows])


def picture_of(pixels: np.ndarray, alt: str) -> Picture:
    """Pixels as a picture. Shapes: as `png`."""
    return Picture(alt, png(np.ascontiguousarray(pixels)), media_type="image/png")


def reduce_to(arrays: Sequence[np.ndarray], parts: int) -> np.ndarray:
    """The sum over places and over what follows the first dimension, for each of so many parts.

    Raises: LeptonError for an array that has no such dimension.
    """
    total = np.zeros(parts)
    for array in arrays:
        if array.shape[:1] != (parts,):
            raise LeptonError(f"numbers of the shape {array.shape} cannot be told apart by input")
        total += array.reshape(parts, -1).sum(1)
    return total


def explained_map(arrays: Sequence[np.ndarray], levels: np.ndarray) -> Explained:
    """What was attributed to the frames and bands of a spectrum. Shapes: (frames, bands)."""
    values = sum(arrays, np.zeros(levels.shape))
    low, high = float(levels.min()), float(levels.max())
    pixels = (255 * (levels - low) / max(high - low, 1e-9)).round().astype(np.uint8)
    return Explained(values, pixels=pixels, is_turned=True)


def explained_times(arrays: Sequence[np.ndarray], wave: Tensor, rate: int) -> Explained:
    """What was attributed to a waveform, by pieces of time. Shapes: wave (1, samples)."""
    values = reduce_to(arrays, wave.shape[1])
    starts = np.arange(0, wave.shape[1], max(1, round(PIECE_SECONDS * rate)))
    names = tuple(f"{start / rate:.2f}s" for start in starts)
    return Explained(np.add.reduceat(values, starts), names, names, in_order=True)


def explained_row(
    raw: "pd.DataFrame", spec: DataSpec, attributed: dict[str, list[np.ndarray]]
) -> Explained:
    """What was attributed to the columns of a table."""
    names = (*spec.num_features, *spec.cat_features)
    widths = [count - 1 for count in spec.cat_cardinalities]  # of codes but that of the unseen
    per_code = [
        np.add.reduceat(array, np.cumsum([0, *widths[:-1]]))
        if widths and array.shape == (sum(widths),) and len(widths) != sum(widths)
        else array
        for array in attributed.get("cat", [])
    ]
    values = np.concatenate(
        [
            reduce_to(attributed.get("num", []), len(spec.num_features)),
            reduce_to(per_code, len(spec.cat_features)),
        ]
    )
    texts = [_cell(raw[name].iloc[0]) if name in raw else "" for name in names]
    return Explained(values, names, tuple(texts))


def _cell(value: object) -> str:
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return "missing"
    return f"{value:.5g}" if isinstance(value, float) else " ".join(str(value).split())
