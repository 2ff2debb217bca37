"""ColorJitter: pictures brighter or darker, flatter or harder, paler or more colourful."""

from torch import Tensor

from lepton.augmentation.machinery.colours import with_brightness, with_contrast, with_saturation
from lepton.augmentation.machinery.input_augmentation import InputAugmentation
from lepton.augmentation.machinery.pictures import change_pictures
from lepton.method import Batch
from lepton.randomness.draw import Draw
from lepton.values.bounds import From0To1


class ColorJitter(InputAugmentation):
    """Changes brightness, then contrast, then saturation, each by a random factor around 1.

    Source: Howard 2013, https://arxiv.org/abs/1312.5402, section 2.1, there in a random order
    """

    replayable = True
    stackable = ("brightness", "contrast", "saturation")
    changes_inputs = ("image", "video")

    def __init__(self, *, brightness: From0To1, contrast: From0To1, saturation: From0To1):
        self.brightness, self.contrast, self.saturation = brightness, contrast, saturation

    def change(self, batch: Batch, draw: Draw) -> Batch:
        bright, hard, colourful = (2 * draw.each(batch["id"]).uniform((3,)) - 1).unbind(-1)

        def jittered(_: str, pixels: Tensor) -> Tensor:
            pixels = with_brightness(pixels, 1 + self.brightness * bright)
            pixels = with_contrast(pixels, 1 + self.contrast * hard)
            return with_saturation(pixels, 1 + self.saturation * colourful)

        return change_pictures(batch, jittered)
