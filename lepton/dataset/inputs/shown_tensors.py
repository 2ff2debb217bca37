"""Rows of a batch as a person sees them, after they were made tensors, and perhaps changed."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from lepton.audio.spectrogram import spectrogram_png
from lepton.dataset.inputs.picture import Picture
from lepton.dataset.inputs.sound import Sound, wav
from lepton.model.spectra import HIDDEN_BANDS, HIDDEN_TIMES
from lepton.spec import FIRST_CATEGORY_CODE, MISSING_CODE, DataSpec
from lepton.values.png import png

LONGEST_SIDE, FRAMES = 96, 4  # of a picture, in pixels; of a clip that are shown
COLOURS = 3


def shown_cells(row: dict[str, Tensor], spec: DataSpec) -> dict[str, object]:
    """The columns of a table's row: numbers as the model reads them, categories by their names."""
    cells: dict[str, object] = {}
    if "num" in row:
        cells |= zip(spec.num_features, row["num"].tolist(), strict=True)
    if "cat" in row:
        for column, code in enumerate(row["cat"].tolist()):
            cells[spec.cat_features[column]] = _category(code, column, spec)
    return cells


def _category(code: int, column: int, spec: DataSpec) -> str:
    values = spec.categories[column] if spec.categories else ()
    if FIRST_CATEGORY_CODE <= code < FIRST_CATEGORY_CODE + len(values):
        return values[code - FIRST_CATEGORY_CODE]
    return "missing" if code == MISSING_CODE else "never seen"


def shown_pixels(pixels: Tensor, name: str) -> Picture:
    """A picture, or some frames of a clip beside each other. Shapes: ([T,] C, H, W)."""
    if pixels.ndim == 4:
        places = torch.linspace(0, len(pixels) - 1, min(FRAMES, len(pixels))).round().long()
        pixels = torch.cat([*pixels[places]], -1)
    values = pixels.float().round().clamp(0, 255).byte().numpy()
    values = values[:COLOURS] if len(values) >= COLOURS else values[:1]
    larger = max(1, LONGEST_SIDE // values.shape[1])
    image = values.transpose(1, 2, 0).repeat(larger, 0).repeat(larger, 1)
    image = image if image.shape[2] == COLOURS else image[..., 0]
    return Picture(name, png(np.ascontiguousarray(image)), media_type="image/png")


def shown_sound_row(row: dict[str, Tensor], rate: int) -> dict[str, object]:
    """A sound that a page plays, with its spectrogram, and which stripes of that are hidden."""
    if "audio" not in row:
        return {}
    values = row["audio"][: int(row["audio_length"])].numpy().astype(np.int16)
    name = f"{len(values) / rate:.3g} s"
    picture = Picture(name, spectrogram_png(values, rate), media_type="image/png")
    sound = Sound(name, wav(values, rate), media_type="audio/wav", picture=picture)
    shown: dict[str, object] = {"sound": sound}
    for key, what in ((HIDDEN_BANDS, "bands hidden"), (HIDDEN_TIMES, "time hidden")):
        if key in row:
            stripes = [f"{begin:.0%} to {end:.0%}" for begin, end in row[key].tolist()]
            shown[what] = ", ".join(stripes) or "none"
    return shown


def marked_words(words: Sequence[str], others: Sequence[str]) -> str:
    """Words as a text, of which those that stand in no such place of the others are in brackets."""
    from difflib import SequenceMatcher

    matcher = SequenceMatcher(None, [*others], [*words], autojunk=False)
    kept = {b + i for _, b, size in matcher.get_matching_blocks() for i in range(size)}
    return " ".join(w if i in kept else f"⟦{w or ' '}⟧" for i, w in enumerate(words))
