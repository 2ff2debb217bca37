"""Poolings of frames: one vector for a clip, from a vector for each frame.

Shapes: (B, T, D) -> (B, width). The mean knows no order; attention and the transformer are told the
place of each frame.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

POSITION_STD = 0.5  # of the places of frames at the start, which so count beside features of 1
GROWTH = 2  # of the width inside a block


class MeanOfFrames(nn.Module):
    """The mean over the frames, in whichever order they come."""

    def __init__(self, inputs: int):
        super().__init__()
        self.width = inputs

    def forward(self, frames: Tensor) -> Tensor:
        return frames.mean(1)


class PlacedFrames(nn.Module):
    """Frames at a common width, with what is learned of the place of each."""

    def __init__(self, inputs: int, *, frames: int, width: int):
        super().__init__()
        self.project = nn.Linear(inputs, width)
        self.norm = nn.LayerNorm(width)
        self.place = nn.Parameter(torch.randn(frames, width) * POSITION_STD)

    def forward(self, frames: Tensor) -> Tensor:
        return self.norm(self.project(frames)) + self.place


class AttentionOfFrames(nn.Module):
    """Means of the frames, one a head, weighted by what is learned of a frame and its place."""

    def __init__(self, inputs: int, *, frames: int, width: int, heads: int, dropout: float):
        super().__init__()
        self.width, self.heads = width, heads
        self.placed = PlacedFrames(inputs, frames=frames, width=width)
        self.weigh, self.values = nn.Linear(width, heads), nn.Linear(width, width)
        self.mix = Mix(width, dropout)

    def forward(self, frames: Tensor) -> Tensor:
        placed = self.placed(frames)
        weights = self.weigh(placed).softmax(1)  # (B, T, heads)
        values = self.values(placed).unflatten(2, (self.heads, -1))
        pooled = (weights[..., None] * values).sum(1).flatten(1)
        return pooled + self.mix(pooled)


class TransformerOfFrames(nn.Module):
    """Blocks in which each frame looks at all others, and the mean over what they become."""

    def __init__(
        self, inputs: int, *, frames: int, width: int, blocks: int, heads: int, dropout: float
    ):
        super().__init__()
        self.width = width
        self.placed = PlacedFrames(inputs, frames=frames, width=width)
        self.blocks = nn.ModuleList(FrameBlock(width, heads, dropout) for _ in range(blocks))
        self.norm = nn.LayerNorm(width)

    def forward(self, frames: Tensor) -> Tensor:
        values = self.placed(frames)
        for block in self.blocks:
            values = block(values)
        return self.norm(values).mean(1)


class FrameBlock(nn.Module):
    """Attention over the frames and a network on each, both added to what comes in."""

    def __init__(self, width: int, heads: int, dropout: float):
        super().__init__()
        self.heads, self.norm = heads, nn.LayerNorm(width)
        self.parts, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.dropout, self.mix = nn.Dropout(dropout), Mix(width, dropout)

    def forward(self, values: Tensor) -> Tensor:
        parts = self.parts(self.norm(values)).unflatten(2, (3, self.heads, -1))
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        attended = F.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)
        values = values + self.dropout(self.out(attended))
        return values + self.mix(values)


class Mix(nn.Sequential):
    """A network of one hidden layer on normalized vectors."""

    def __init__(self, width: int, dropout: float):
        super().__init__(
            nn.LayerNorm(width),
            nn.Linear(width, GROWTH * width),
            nn.GELU(),
            nn.Linear(GROWTH * width, width),
            nn.Dropout(dropout),
        )
