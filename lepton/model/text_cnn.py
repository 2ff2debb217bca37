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
        self.convolutions = nn.ModuleList(nn.Conv1d(width, filters, kernel) for kernel in kernels)
        self.head = make_head(filters * len(kernels), spec.outputs, dropout)

    def layers(self) -> list[str]:
        return ["embeddings", "convolutions", "head"]

    def features(self, batch: Batch) -> Tensor:
        values, outside = self.embeddings(batch).mT, ~batch["mask"][:, None]
        answers = []
        for convolution in self.convolutions:
            rest = convolution.kernel_size[0] - 1
            around = nn.functional.pad(values, (rest // 2, rest - rest // 2))
            answers.append(convolution(around).masked_fill(outside, -torch.inf).amax(2))
        return torch.cat(answers, 1).relu()

    def forward(self, batch: Batch) -> Tensor:
        return self.head(self.features(batch))
