"""Poolings: one vector for a text, from the outputs for its tokens.

Shapes: hidden (B, T, D), mask (B, T) -> (B, D).
"""

import torch
from torch import Tensor, nn


def first_token(hidden: Tensor, mask: Tensor) -> Tensor:
    """The output of the first token."""
    return hidden[:, 0]


def last_token(hidden: Tensor, mask: Tensor) -> Tensor:
    """The output of the last token that is no padding."""
    return hidden[torch.arange(len(hidden), device=hidden.device), mask.sum(1) - 1]


class AttentionPooling(nn.Module):
    """A mean whose weights are a learned function of each output."""

    def __init__(self, width: int):
        super().__init__()
        self.score = nn.Linear(width, 1, bias=False)  # a bias would move all scores alike

    def forward(self, hidden: Tensor, mask: Tensor) -> Tensor:
        scores = self.score(hidden).squeeze(-1).masked_fill(~mask, -torch.inf)
        return (scores.softmax(1)[..., None] * hidden).sum(1)
