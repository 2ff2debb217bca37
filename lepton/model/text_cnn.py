"""Convolutions over the token embeddings, each filter's largest answer kept."""

import torch
from torch import Tensor, nn

from lepton.model.text_inputs import Batch, TokenEmbeddings, make_head
from lepton.spec import DataSpec


class TextCnn(nn.Module):
    """Kim's network, from random embeddings; the two texts of a pair follow one another.

    Shapes: tokens and mask (B, T) -> (B, outputs).
    """

    kind = "text"

    def __init__(
        self,
        *,
        spec: DataSpec,
        tokenizer,
        width: int,
        kernels: list[int],
        filters: int,
        dropout: float,
    ):
        super().__init__()
        self.embeddings = TokenEmbeddings(spec=spec, width=width)
        self.convolutions = nn.ModuleList(
            nn.Conv1d(width, filters, kernel, padding="same") for kernel in kernels
        )
        self.head = make_head(filters * len(kernels), spec.outputs, dropout)

    def layers(self) -> list[str]:
        return ["embeddings", "convolutions", "head"]

    def features(self, batch: Batch) -> Tensor:
        values = self.embeddings(batch).mT  # zeros around a text, as many as a kernel sees
        outside = ~batch["mask"][:, None]
        answers = [conv(values).masked_fill(outside, -torch.inf) for conv in self.convolutions]
        return torch.cat([answer.amax(2) for answer in answers], 1).relu()

    def forward(self, batch: Batch) -> Tensor:
        return self.head(self.features(batch))
