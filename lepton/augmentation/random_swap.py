"""RandomSwap: tokens of a text that change their places with each other."""

import torch

from lepton.augmentation.machinery.tokens import ChosenTokens, TokenAugmentation
from lepton.method import Batch


class RandomSwap(TokenAugmentation):
    """Puts some tokens in a random order among their places; of a pair, those of each text apart.

    Source: Wei and Zou 2019, https://arxiv.org/abs/1901.11196, which swaps two at a time
    """

    replayable = True

    def changed(self, batch: Batch, texts: ChosenTokens) -> Batch:
        places, tokens = texts.places.expand_as(texts.tokens), texts.tokens
        own_text = batch["segments"] if "segments" in batch else torch.zeros_like(tokens)
        behind = places + places.shape[1]  # where no token is chosen, all as they stand
        in_order = torch.where(texts.chosen, places, behind).argsort(1)
        # the chance of a chosen token is below the probability, that of another text's is 1 more
        shuffled = own_text.to(texts.chance.dtype) + texts.chance
        at_random = torch.where(texts.chosen, shuffled, behind.to(shuffled.dtype) + 2).argsort(1)
        source = torch.zeros_like(in_order).scatter(1, in_order, at_random)
        return {"tokens": tokens.gather(1, source)}
