"""RandAugment: each picture changed by several operations of fourteen, all at one strength."""

import torch

from lepton.augmentation.machinery.input_augmentation import InputAugmentation
from lepton.augmentation.machinery.operations import OPERATIONS, augmented
from lepton.augmentation.machinery.pictures import change_pictures
from lepton.errors import ConfigError
from lepton.method import Batch
from lepton.randomness.draw import Draw
from lepton.values.bounds import AtLeast1, NotBelow0

MAGNITUDES = 30  # the largest, at which an operation does all that it may


class RandAugment(InputAugmentation):
    """Draws for each picture `operations`, one after the other; of a clip, for all its frames.

    Operations with two directions take either.
    Source: Cubuk et al. 2020, https://arxiv.org/abs/1909.13719; the ranges are its code's, and
        pixels that move are interpolated linearly
    """

    replayable = True
    stackable = ("magnitude",)
    changes_inputs = ("image", "video")

    def __init__(self, *, operations: AtLeast1, magnitude: NotBelow0):
        if operations < 1 or not 0 <= magnitude <= MAGNITUDES:
            raise ConfigError(
                f"augmentation.randaugment: operations={operations}, magnitude={magnitude}; one "
                f"operation at least, and a magnitude from 0 to {MAGNITUDES}, are right"
            )
        self.operations, self.magnitude = operations, magnitude

    def change(self, batch: Batch, draw: Draw) -> Batch:
        own = draw.each(batch["id"])
        for _ in range(self.operations):
            operation, is_positive = own.integers(len(OPERATIONS)), own.bernoulli(0.5)
            signed = torch.where(is_positive, 1.0, -1.0) * (self.magnitude / MAGNITUDES)
            drawn = (operation, signed.abs(), signed)
            batch = change_pictures(batch, lambda _, pixels, own=drawn: augmented(pixels, *own))
        return batch
