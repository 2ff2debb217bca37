"""Affine: pictures turned, scaled, shifted and mirrored at once."""

from typing import Literal

import torch
from torch import Tensor

from lepton.augmentation.machinery.grid import Border, linear_maps, warp
from lepton.augmentation.machinery.input_augmentation import InputAugmentation
from lepton.augmentation.machinery.pictures import change_pictures
from lepton.method import Batch
from lepton.randomness.draw import Draw
from lepton.values.bounds import From0Below1, From0To1, NotBelow0


class Affine(InputAugmentation):
    """Moves the pixels of each picture, or of all frames of a clip, by one affine map.

    Units: rotation degrees to either side; scale a share of the size, more or less; shift a share
        of width and height, to all sides.
    Source: Cireşan et al. 2010, https://arxiv.org/abs/1003.0358, section 3, for turns and scales;
        Krizhevsky et al. 2012, https://doi.org/10.1145/3065386, for shifts and mirrored pictures
    """

    replayable = True
    stackable = ("rotation", "scale", "shift", "flip")
    changes_inputs = ("image", "video")

    def __init__(
        self,
        *,
        rotation: NotBelow0,
        scale: From0Below1,
        shift: From0To1,
        flip: From0To1,
        border: Literal["zeros", "border", "reflection"],
    ):
        self.rotation, self.scale, self.shift, self.flip = rotation, scale, shift, flip
        self.border: Border = border

    def change(self, batch: Batch, draw: Draw) -> Batch:
        own = draw.each(batch["id"])
        degrees, size, across, down = (2 * own.uniform((4,)) - 1).unbind(-1)
        larger = 1 + self.scale * size
        mirrored = torch.where(own.bernoulli(self.flip), -larger, larger)
        still = torch.zeros_like(larger)
        maps = linear_maps(
            degrees=self.rotation * degrees, scale=(mirrored, larger), shear=(still, still)
        )

        def moved(_: str, pixels: Tensor) -> Tensor:
            height, width = pixels.shape[-2:]
            shift = self.shift * torch.stack([across * width, down * height], -1)
            return warp(pixels, maps, shift, self.border)

        return change_pictures(batch, moved)
