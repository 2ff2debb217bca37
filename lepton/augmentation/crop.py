"""Crop: pictures cut out of themselves with a margin, at a random place."""

import torch
from torch import Tensor

from lepton.augmentation.machinery.input_augmentation import InputAugmentation
from lepton.augmentation.machinery.pictures import change_pictures
from lepton.method import Batch
from lepton.randomness.draw import Draw
from lepton.values.bounds import From0To1


class Crop(InputAugmentation):
    """Puts black around a picture and cuts out as much as it was, whole pixels away at most.

    Units: margin a share of height and width, on each side.
    Source: He et al. 2016, https://arxiv.org/abs/1512.03385, section 4.2
    """

    replayable = True
    stackable = ("margin",)
    changes_inputs = ("image", "video")

    def __init__(self, *, margin: From0To1):
        self.margin = margin

    def change(self, batch: Batch, draw: Draw) -> Batch:
        chances = draw.each(batch["id"]).uniform((2,)).unbind(-1)

        def cropped(_: str, pixels: Tensor) -> Tensor:
            for dim, chance in zip((-2, -1), chances, strict=True):
                pixels = _moved(pixels, self._offset(pixels.shape[dim], chance), dim)
            return pixels

        return change_pictures(batch, cropped)

    def _offset(self, size: int, chance: Tensor) -> Tensor:
        """Pixels by which each picture is moved on one axis. Shapes: (B,) -> (B,) int64."""
        margin = torch.as_tensor(self.margin * size, device=chance.device).round()
        return (chance * (2 * margin + 1)).floor().long() - margin.long()


def _moved(pixels: Tensor, offset: Tensor, dim: int) -> Tensor:
    """Pixels moved on one axis; zero comes in. Shapes: (B, ..., H, W), offset (B,)."""
    size = pixels.shape[dim]
    source = torch.arange(size, device=pixels.device) + offset[:, None]
    is_inside = (source >= 0) & (source < size)
    shape = [len(pixels), *[1] * (pixels.ndim - 1)]
    shape[dim] = size
    index = source.clamp(0, size - 1).reshape(shape).expand_as(pixels)
    return pixels.gather(dim, index) * is_inside.reshape(shape)
