"""TextCnn: convolutions over the token embeddings, of each filter the largest output."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from lepton.model.text_inputs import Batch, TokenEmbeddings, make_head
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
        values, padding = self.embeddings(batch).mT, ~batch["mask"][:, None]
        maxima = []
        for kernel, convolution in zip(self.kernels, self.convolutions, strict=True):
            margin = kernel - 1  # so that there are as many outputs as tokens
            padded = nn.functional.pad(values, (margin // 2, margin - margin // 2))
            maxima.append(convolution(padded).masked_fill(padding, -torch.inf).amax(2))
        return torch.cat(maxima, 1).relu()

    def forward(self, batch: Batch) -> Tensor:
        return self.head(self.features(batch))
