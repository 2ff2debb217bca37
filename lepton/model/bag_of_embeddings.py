"""BagOfEmbeddings: the mean of a text's token embeddings under a linear head."""

from typing import TYPE_CHECKING

from torch import Tensor, nn

from lepton.model.text_inputs import Batch, TokenEmbeddings, make_head, masked_mean, pair_features
from lepton.model.token_features import Tokens
from lepton.spec import DataSpec
from lepton.values.bounds import AtLeast1, From0Below1

if TYPE_CHECKING:
    from lepton.tokenizer.fitted_tokenizer import TextTokenizer


class BagOfEmbeddings(nn.Module):
    """A classifier that does not see the order of tokens; pairs are compared mean by mean.

    Shapes: tokens and mask (B, T), for pairs segments (B, T) -> (B, outputs).
    """

    reads = ("text",)

    def __init__(
        self, *, spec: DataSpec, tokenizer: "TextTokenizer", width: AtLeast1, dropout: From0Below1
    ):
        super().__init__()
        self.pairs = len(spec.text_features) == 2
        self.token_width = width
        self.embeddings = TokenEmbeddings(spec=spec, width=width)
        self.head = make_head(4 * width if self.pairs else width, spec.outputs, dropout)

    def layers(self) -> list[str]:
        return ["embeddings", "head"]

    def features(self, batch: Batch) -> Tensor:
        values, mask = self.embeddings(batch), batch["mask"]
        if not self.pairs:
            return masked_mean(values, mask)
        second = batch["segments"].bool()
        return pair_features(masked_mean(values, mask & ~second), masked_mean(values, second))

    def token_features(self, batch: Batch) -> Tokens:
        return Tokens(self.embeddings(batch), batch["mask"])

    def forward(self, batch: Batch) -> Tensor:
        return self.head(self.features(batch))
