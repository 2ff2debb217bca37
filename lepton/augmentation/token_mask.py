"""TokenMask: tokens of a text that are hidden as in an encoder's pretraining."""

from torch import nn

from lepton.augmentation.machinery.tokens import ChosenTokens, TokenAugmentation
from lepton.errors import ConfigError
from lepton.method import Batch
from lepton.spec import DataSpec


class TokenMask(TokenAugmentation):
    """Puts the tokenizer's own mask token in the place of some.

    Source: Devlin et al. 2019, https://arxiv.org/abs/1810.04805, section 3.1
    """

    replayable = True

    def prepare(self, model: nn.Module, spec: DataSpec) -> nn.Module:
        if spec.mask_token is None:
            raise ConfigError(
                "augmentation.token_mask, model.tokenizer: this tokenizer has no mask token; "
                "augmentation=token_dropout needs none"
            )
        self.mask_token = spec.mask_token
        return super().prepare(model, spec)

    def changed(self, batch: Batch, texts: ChosenTokens) -> Batch:
        return {"tokens": texts.tokens.masked_fill(texts.chosen, self.mask_token)}
