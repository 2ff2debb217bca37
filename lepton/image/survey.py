"""PictureSurvey: the sizes and kinds of the pictures of a data set, told from their heads."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from lepton.errors import DataError, UnequalFiles
from lepton.image.decoding import Picture, look
from lepton.image.picture_reader import PictureReader, in_threads

FIT_WORDS = {"crop": "scaled and cropped", "pad": "scaled and padded", "stretch": "stretched"}


@dataclass(frozen=True)
class PictureSurvey:
    """How many pictures there are of each size (height, width), and number of channels.

    `examples` names a picture of each of the first sizes.
    """

    sizes: Counter[tuple[int, int]]
    channels: Counter[int]
    examples: dict[tuple[int, int], str] = field(default_factory=dict)

    def only_size(self) -> tuple[int, int]:
        """The height and width that all have.

        Raises: UnequalFiles when they differ.
        """
        if not self.sizes:
            return 1, 1  # none can be read, as is said where they are decoded
        if len(self.sizes) > 1:
            first, second = list(self.examples.items())[:2]
            words = " and ".join(f"{name} has {h} x {w}" for (h, w), name in (first, second))
            middle = sorted(min(size) for size in self.sizes.elements())[self.sizes.total() // 2]
            message = f"images differ in height x width: {words}; give dataset.size, as "
            raise UnequalFiles(f"{message}dataset.size={middle}", middle)
        return next(iter(self.sizes))

    def least_channels(self) -> int:
        """1 where all are grey, else 3."""
        return 1 if set(self.channels) <= {1} else 3

    def remarks(self, reader: PictureReader) -> list[tuple[str, int]]:
        """What becomes of pictures that are not as they are asked for, and how many these are."""
        remarks, wanted = [], (reader.height, reader.width)
        if count := sum(n for size, n in self.sizes.items() if size != wanted):
            sides = [side for size in self.sizes for side in size]
            change = f"{FIT_WORDS[reader.fit]} to {reader.height} x {reader.width}"
            low, high = min(sides), max(sides)
            span = f"from {low} to {high}" if low < high else f"of {low}"
            remarks.append((f"images with sides {span} pixels, {change}", count))
        if reader.channels < 4:
            remarks.append(("images with transparency, laid on white", self.channels[4]))
        if reader.channels == 1:
            coloured = self.channels[3] + self.channels[4]
            remarks.append(("images of colours, made grey", coloured))
        else:
            remarks.append(("grey images, made images of colours", self.channels[1]))
        return [(remark, count) for remark, count in remarks if count]

    def facts(self) -> dict[str, Any]:
        """What `of_facts` makes it of again, as JSON has it."""
        return {
            "sizes": [[*size, count] for size, count in self.sizes.items()],
            "channels": [[*item] for item in self.channels.items()],
        }

    @classmethod
    def of_facts(cls, facts: dict[str, Any]) -> "PictureSurvey":
        """The survey that wrote these facts, without examples."""
        sizes = Counter({(height, width): count for height, width, count in facts["sizes"]})
        return cls(sizes, Counter(dict(facts["channels"])))


def survey_pictures(
    pictures: Sequence[Picture],
    name: Callable[[int], str],
    *,
    max_pixels: int,
    look: Callable[..., tuple[int, int, int]] = look,
) -> PictureSurvey:
    """Looks at the heads of all pictures, or clips; those that cannot be read are left out."""
    sizes: Counter[tuple[int, int]] = Counter()
    channels: Counter[int] = Counter()
    examples: dict[tuple[int, int], str] = {}
    for row, seen in enumerate(in_threads(partial(look, max_pixels=max_pixels), pictures, name)):
        if isinstance(seen, DataError):
            continue
        height, width, depth = seen
        sizes[height, width] += 1
        channels[depth] += 1
        if len(examples) < 2:
            examples.setdefault((height, width), name(row))
    return PictureSurvey(sizes, channels, examples)
