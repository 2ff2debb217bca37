"""TextCnn: convolutions over the token embeddings, of each filter the largest output."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from lepton.model.text_inputs import Batch, TokenEmbeddings, make_head
from lepton.model.token_features import Tokens
from lepton.spec import DataSpec
from lepton.values.bounds import AtLeast1, From0Below1

if TYPE_CHECKING:
    from lepton.tokenizer.fitted_tokenizer import TextTokenizer


class TextCnn(nn.Module):
    """The network of Kim 2014 with random embeddings; the texts of a pair follow one another.

    Shapes: tokens and mask (B, T) -> (B, outputs).
    """

    reads = ("text",)

    def __init__(
        self,
        *,
        spec: DataSpec,
        tokenizer: "TextTokenizer",
        width: AtLeast1,
        kernels: list[AtLeast1],
        filters: AtLeast1,
        dropout: From0Below1,
    ):
        super().__init__()
        self.kernels = list(kernels)
        self.embeddings = TokenEmbeddings(spec=spec, width=width)
        self.convolutions = nn.ModuleList(nn.Conv1d(width, filters, kernel) for kernel in kernels)
        self.head = make_head(filters * len(kernels), spec.outputs, dropout)

    def layers(self) -> list[str]:
        return ["embeddings", "convolutions", "head"]

    def features(self, batch: Batch) -> Tensor:
        padding = ~batch["mask"][:, None]
        answers = [answer.masked_fill(padding, -torch.inf) for answer in self._answers(batch)]
        return torch.cat([answer.amax(2) for answer in answers], 1).relu()

    def token_features(self, batch: Batch) -> Tokens:
        return Tokens(torch.cat([*self._answers(batch)], 1).relu().mT, batch["mask"])

    def _answers(self, batch: Batch) -> Iterator[Tensor]:
        """Yields what the filters of each convolution answer. Shapes: (B, filters, T)."""
        values = self.embeddings(batch).mT
        for kernel, convolution in zip(self.kernels, self.convolutions, strict=True):
            margin = kernel - 1  # so that there are as many outputs as tokens
            padded = nn.functional.pad(values, (margin // 2, margin - margin // 2))
            yield convolution(padded)

    def forward(self, batch: Batch) -> Tensor:
        return self.head(self.features(batch))
