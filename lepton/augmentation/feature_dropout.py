"""FeatureDropout: cells of a table that are hidden."""

import torch
from torch import nn

from lepton.augmentation.machinery.columns import medians
from lepton.augmentation.machinery.input_augmentation import InputAugmentation
from lepton.method import Batch
from lepton.randomness.draw import Draw
from lepton.spec import UNSEEN_CODE, DataSpec
from lepton.values.bounds import From0To1


class FeatureDropout(InputAugmentation):
    """Puts into a cell, with a probability, what says nothing of the row.

    Of a number that is the median of training, of a category the code of those that training has
    not seen, which so has learned when such a one comes.
    Source: Vincent et al. 2008, https://doi.org/10.1145/1390156.1390294, masking noise
    """

    replayable = True
    stackable = ("probability",)
    changes_inputs = ("table",)

    def __init__(self, *, probability: From0To1):
        self.probability = probability

    def prepare(self, model: nn.Module, spec: DataSpec) -> nn.Module:
        self.medians = medians(spec) if spec.num_features else torch.zeros(0)
        return model

    def change(self, batch: Batch, draw: Draw) -> Batch:
        own = draw.each(batch["id"])
        usual = {"num": self.medians, "cat": torch.tensor(UNSEEN_CODE)}
        for name in [name for name in usual if name in batch]:
            cells = batch[name]
            is_hidden = own.bernoulli(self.probability, cells.shape[1:])
            batch = batch | {name: torch.where(is_hidden, usual[name].to(cells), cells)}
        return batch
