"""TokenDropout: tokens of a text that are left empty."""

from lepton.augmentation.machinery.tokens import ChosenTokens, TokenAugmentation
from lepton.method import Batch


class TokenDropout(TokenAugmentation):
    """Puts the padding token in the place of some, whose embedding is zero in networks of lepton's.

    Source: Iyyer et al. 2015, https://aclanthology.org/P15-1162, word dropout
    """

    replayable = True

    def changed(self, batch: Batch, texts: ChosenTokens) -> Batch:
        return {"tokens": texts.tokens.masked_fill(texts.chosen, self.pad)}
