"""RandomDelete: tokens of a text that are taken out."""

import torch

from lepton.augmentation.machinery.tokens import ChosenTokens, TokenAugmentation
from lepton.method import Batch
from lepton.values.bounds import From0To1


class RandomDelete(TokenAugmentation):
    """Takes out some tokens, and those behind move up; one token at least stays of a text.

    Source: Wei and Zou 2019, https://arxiv.org/abs/1901.11196
    """

    replayable = True
    stackable = ("probability",)
    changes_inputs = ("text",)

    def __init__(self, *, probability: From0To1):
        self.probability = probability

    def changed(self, batch: Batch, texts: ChosenTokens) -> Batch:
        chance = torch.where(texts.own, texts.chance, -1.0)
        is_last = chance == chance.amax(1, keepdim=True)  # the one that would go last stays
        stays = texts.mask & (~texts.chosen | is_last)
        places = texts.places
        source = torch.where(stays, places, places + len(places)).argsort(1)
        mask = places < stays.sum(1, keepdim=True)
        changed = {"tokens": texts.tokens.gather(1, source).masked_fill(~mask, self.pad)}
        if "segments" in batch:
            changed["segments"] = batch["segments"].gather(1, source) * mask
        return changed | {"mask": mask}
