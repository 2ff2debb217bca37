"""AttentionBlock: one block of a transformer, for models whose tokens are not words."""

import math

import torch
from torch import Tensor, nn


class AttentionBlock(nn.Module):
    """Attention and two linear maps, each on normalized tokens and added to them.

    `growth`: of the width between the two linear maps. A mask is True for the tokens that are
    looked at, where not all are.
    Shapes: tokens (B, T, width), mask (B, T) -> (B, T, width).
    Source: Xiong et al. 2020, https://arxiv.org/abs/2002.04745 (pre-normalization)
    """

    def __init__(self, width: int, heads: int, *, growth: int, dropout: float):
        super().__init__()
        self.heads = heads
        self.before_attention, self.before_mlp = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query, self.value = nn.Linear(width, width), nn.Linear(width, width)
        self.key = nn.Linear(width, width, bias=False)  # a bias would move all scores alike
        self.out = nn.Linear(width, width)
        self.mlp = nn.Sequential(
            nn.Linear(width, growth * width), nn.GELU(), nn.Linear(growth * width, width)
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, tokens: Tensor, mask: Tensor | None = None) -> Tensor:
        tokens = tokens + self.dropout(self._attend(self.before_attention(tokens), mask))
        return tokens + self.dropout(self.mlp(self.before_mlp(tokens)))

    def _attend(self, tokens: Tensor, mask: Tensor | None) -> Tensor:
        heads = (*tokens.shape[:2], self.heads, -1)
        query, key, value = (
            layer(tokens).reshape(heads).transpose(1, 2)
            for layer in (self.query, self.key, self.value)
        )
        scores = query @ key.mT / math.sqrt(query.shape[-1])
        if mask is not None:
            scores = scores.masked_fill(~mask[:, None, None], -torch.inf)
        return self.out((scores.softmax(-1) @ value).transpose(1, 2).flatten(2))
