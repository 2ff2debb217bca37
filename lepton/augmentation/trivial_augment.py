"""TrivialAugment: each picture changed by one operation of fourteen, at a random strength."""

import torch

from lepton.augmentation.machinery.input_augmentation import InputAugmentation
from lepton.augmentation.machinery.operations import OPERATIONS, augmented
from lepton.augmentation.machinery.pictures import change_pictures
from lepton.method import Batch
from lepton.randomness.draw import Draw
from lepton.values.bounds import From0To1

LEVELS = 31  # of strength, from none to all


class TrivialAugment(InputAugmentation):
    """Draws for each picture one operation and how strongly it acts; of a clip, for all frames.

    Units: `strength` is a share of the operations' own ranges, which are those of RandAugment.
    Source: Müller and Hutter 2021, https://arxiv.org/abs/2103.10158, algorithm 1, RA space; pixels
        that move are interpolated linearly
    """

    replayable = True
    stackable = ("strength",)
    changes_inputs = ("image", "video")

    def __init__(self, *, strength: From0To1):
        self.strength = strength

    def change(self, batch: Batch, draw: Draw) -> Batch:
        own = draw.each(batch["id"])
        operation = own.integers(len(OPERATIONS))
        amount = self.strength * own.integers(LEVELS) / (LEVELS - 1)
        signed = torch.where(own.bernoulli(0.5), amount, -amount)
        return change_pictures(
            batch, lambda _, pixels: augmented(pixels, operation, amount, signed)
        )
