"""SwapNoise: cells of a table that are exchanged for those of other rows."""

import torch

from lepton.augmentation.machinery.input_augmentation import InputAugmentation
from lepton.method import Batch
from lepton.randomness.draw import Draw
from lepton.values.bounds import From0To1


class SwapNoise(InputAugmentation):
    """Takes a cell, with a probability, from the same column of a random row of the batch.

    So columns keep the values that they have, numbers and categories alike.
    Source: Jahrer 2017, https://www.kaggle.com/c/porto-seguro-safe-driver-prediction/discussion/44629
    """

    replayable = True
    stackable = ("probability",)
    changes_inputs = ("table",)

    def __init__(self, *, probability: From0To1):
        self.probability = probability

    def change(self, batch: Batch, draw: Draw) -> Batch:
        own = draw.each(batch["id"])
        for name in ("num", "cat"):
            if name in batch:
                cells = batch[name]
                rows = draw.integers(len(cells), cells.shape)
                is_swapped = own.bernoulli(self.probability, cells.shape[1:])
                batch = batch | {name: torch.where(is_swapped, cells.gather(0, rows), cells)}
        return batch
