"""Made-up clips of digits that move: which way, only the order of the frames tells."""

from typing import Any, Literal

import numpy as np
import pandas as pd
from sklearn.datasets import load_digits

from lepton.dataset.digits import BRIGHTEST
from lepton.dataset.video import VIDEO_COLUMN, VideoData
from lepton.errors import DataError
from lepton.values.bounds import AtLeast0, AtLeast1

STEPS = {"left": (0, -1), "right": (0, 1), "up": (-1, 0), "down": (1, 0)}  # rows and columns


class MovingDigits(VideoData):
    """A digit a clip, which begins anywhere and moves on; at a side it comes in at the other one.

    So each frame alone shows a digit anywhere, whichever way it goes, and the frames of a clip in
    reverse are one of the opposite way.
    """

    content_keys = ("clips", "length", "side", "step", "directions", "data_seed")

    def __init__(
        self,
        *,
        clips: AtLeast1,
        length: AtLeast1,
        side: AtLeast1,
        step: AtLeast1,
        directions: list[Literal["left", "right", "up", "down"]],
        data_seed: AtLeast0,
        **rows: Any,
    ):
        super().__init__(**rows)
        self.count, self.length, self.side, self.step = clips, length, side, step
        self.directions, self.data_seed = [*directions], data_seed
        if len({*directions}) < max(2, len(directions)):
            raise DataError(
                f"dataset.directions={directions}: two at least, each once, of {', '.join(STEPS)}"
            )

    def read(self) -> tuple[pd.DataFrame, None]:
        """The clips, white on black, with the columns direction and digit."""
        bunch, generator = load_digits(), np.random.default_rng(self.data_seed)
        drawings = np.rint(bunch.images * (255 / BRIGHTEST)).astype(np.uint8)
        if self.side < drawings.shape[1]:
            raise DataError(f"dataset.side={self.side}: digits are {drawings.shape[1]} pixels high")
        drawn = generator.integers(len(drawings), size=self.count)
        ways = np.arange(self.count) % len(self.directions)
        starts = generator.integers(self.side, size=(self.count, 2))
        clips = [
            self._clip(drawings[number], start, STEPS[self.directions[way]])
            for number, start, way in zip(drawn, starts, ways, strict=True)
        ]
        directions = [self.directions[way] for way in ways]
        frame = {VIDEO_COLUMN: clips, "direction": directions, "digit": bunch.target[drawn]}
        return pd.DataFrame(frame), None

    def _clip(self, drawing: np.ndarray, start: np.ndarray, way: tuple[int, int]) -> np.ndarray:
        """Shapes: -> (length, side, side)."""
        canvas = np.zeros((self.side, self.side), np.uint8)
        canvas[: len(drawing), : len(drawing)] = drawing
        moves = np.arange(self.length)[:, None] * self.step * np.array(way)
        return np.stack([np.roll(canvas, tuple(start + move), (0, 1)) for move in moves])
