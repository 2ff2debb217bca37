"""RandomDelete: tokens of a text that are taken out."""

import torch
from torch import Tensor

from lepton.augmentation.machinery.tokens import ChosenTokens, TokenAugmentation
from lepton.method import Batch


class RandomDelete(TokenAugmentation):
    """Takes out some tokens, and those behind move up; one at least stays of a text, or of each of
    a pair.

    Source: Wei and Zou 2019, https://arxiv.org/abs/1901.11196
    """

    replayable = True

    def changed(self, batch: Batch, texts: ChosenTokens) -> Batch:
        is_second = batch["segments"] > 0 if "segments" in batch else torch.zeros_like(texts.own)
        is_last = _last(texts, texts.own & is_second) | _last(texts, texts.own & ~is_second)
        stays = texts.mask & (~texts.chosen | is_last)
        places = texts.places
        source = torch.where(stays, places, places + len(places)).argsort(1)
        mask = places < stays.sum(1, keepdim=True)
        changed = {"tokens": texts.tokens.gather(1, source).masked_fill(~mask, self.pad)}
        if "segments" in batch:
            changed["segments"] = batch["segments"].gather(1, source) * mask
        return changed | {"mask": mask}


def _last(texts: ChosenTokens, some: Tensor) -> Tensor:
    """True on the one of some tokens of a row that would go last. Shapes: (B, T) -> (B, T)."""
    chance = torch.where(some, texts.chance, -1.0)
    return some & (chance == chance.amax(1, keepdim=True))
