"""TokenDropout: tokens of a text that are left empty."""

from lepton.augmentation.machinery.tokens import ChosenTokens, TokenAugmentation
from lepton.method import Batch
from lepton.values.bounds import From0To1


class TokenDropout(TokenAugmentation):
    """Puts the padding token in the place of some, whose embedding is zero in networks of lepton's.

    Source: Iyyer et al. 2015, https://aclanthology.org/P15-1162, word dropout
    """

    replayable = True
    stackable = ("probability",)
    changes_inputs = ("text",)

    def __init__(self, *, probability: From0To1):
        self.probability = probability

    def changed(self, batch: Batch, texts: ChosenTokens) -> Batch:
        return {"tokens": texts.tokens.masked_fill(texts.chosen, self.pad)}
