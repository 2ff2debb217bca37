"""Shared by text networks: embeddings of tokens, means over a text, and the head."""

import torch
from torch import Tensor, nn

from lepton.spec import DataSpec

Batch = dict[str, Tensor]


class TokenEmbeddings(nn.Module):
    """Embeddings of tokens, zero where nothing stands.

    Shapes: tokens and mask (B, T) -> (B, T, width).
    Source: initial range as in Kim 2014, https://arxiv.org/abs/1408.5882, section 3.2
    """

    def __init__(self, *, spec: DataSpec, width: int):
        super().__init__()
        self.table = nn.Embedding(spec.vocabulary, width, padding_idx=spec.pad)
        nn.init.uniform_(self.table.weight, -0.25, 0.25)

    def forward(self, batch: Batch) -> Tensor:
        return self.table(batch["tokens"]) * batch["mask"][..., None]


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """The mean over the places of a mask, zero where it has none.

    Shapes: values (B, T, D), mask (B, T) -> (B, D).
    """
    weights = mask.to(values.dtype)[..., None]
    return (values * weights).sum(1) / weights.sum(1).clamp(min=1)


def make_head(width: int, outputs: int, dropout: float) -> nn.Sequential:
    """The head of a text network, dropout and a linear map. Shapes: (B, width) -> (B, outputs)."""
    return nn.Sequential(nn.Dropout(dropout), nn.Linear(width, outputs))


def pair_features(first: Tensor, second: Tensor) -> Tensor:
    """Two vectors, how they differ and what they share, side by side: (B, D) twice -> (B, 4D).

    Source: Conneau et al. 2017, https://arxiv.org/abs/1705.02364, section 3.1
    """
    return torch.cat([first, second, (first - second).abs(), first * second], 1)
