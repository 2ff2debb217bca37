"""Fusions: one vector of the features of several encoders, and the head that is on it.

Shapes: parts (B, widths[k]) for each of K encoders -> (B, fused).
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from lepton.errors import ConfigError

MISSING_SPREAD = 0.02  # standard deviation of the vectors that stand for what is missing, at first


class Fusion(nn.Module):
    """The base of fusions; `fused` is the width of what they make."""

    fused: int


class Late(Fusion):
    """The features side by side."""

    def __init__(self, *, widths: Sequence[int], **_: float):
        super().__init__()
        self.fused = sum(widths)

    def forward(self, parts: list[Tensor]) -> Tensor:
        return torch.cat(parts, 1)


class Gated(Fusion):
    """A sum of the encoders' features, each unit of which has a gate that all features open.

    Source: Arevalo et al. 2017, https://arxiv.org/abs/1702.01992, for any number of encoders
    """

    def __init__(self, *, widths: Sequence[int], width: int, **_: float):
        super().__init__()
        self.fused, self.parts = width, len(widths)
        self.projections = nn.ModuleList(nn.Linear(part, width) for part in widths)
        self.gates = nn.Linear(sum(widths), len(widths) * width)

    def forward(self, parts: list[Tensor]) -> Tensor:
        values = [
            projection(part).tanh()
            for projection, part in zip(self.projections, parts, strict=True)
        ]
        gates = self.gates(torch.cat(parts, 1)).sigmoid().unflatten(1, (self.parts, self.fused))
        return (gates * torch.stack(values, 1)).sum(1)


class Attention(Fusion):
    """A token for each encoder and one more, which attend to each other; the last one is taken."""

    def __init__(
        self, *, widths: Sequence[int], width: int, heads: int, layers: int, dropout: float
    ):
        super().__init__()
        if width % heads:
            raise ConfigError(f"model.heads: {heads} do not divide model.width={width}")
        self.fused = width
        self.projections = nn.ModuleList(nn.Linear(part, width) for part in widths)
        self.summary = nn.Parameter(torch.empty(width).normal_(std=MISSING_SPREAD))
        self.blocks = nn.ModuleList(FusionBlock(width, heads, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(width)

    def forward(self, parts: list[Tensor]) -> Tensor:
        tokens = [
            projection(part) for projection, part in zip(self.projections, parts, strict=True)
        ]
        values = torch.stack([*tokens, self.summary.expand_as(tokens[0])], 1)
        for block in self.blocks:
            values = block(values)
        return self.norm(values[:, -1])


class FusionBlock(nn.Module):
    """Attention and two linear layers, each on normalized inputs and added to them.

    A mask is true for the tokens that are looked at, where not all are.
    Shapes: (B, T, width), mask (B, T) -> (B, T, width).
    Source: Xiong et al. 2020, https://arxiv.org/abs/2002.04745 (pre-normalization)
    """

    def __init__(self, width: int, heads: int, dropout: float):
        super().__init__()
        self.heads = heads
        self.attention_norm, self.linear_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query_and_value = nn.Linear(width, 2 * width)
        self.key = nn.Linear(width, width, bias=False)  # a bias would move all scores alike
        self.output = nn.Linear(width, width)
        self.linear = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Dropout(dropout), nn.Linear(4 * width, width)
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, values: Tensor, mask: Tensor | None = None) -> Tensor:
        normalized = self.attention_norm(values)
        query, value = self.query_and_value(normalized).chunk(2, -1)
        query, key, value = (self._by_head(t) for t in (query, self.key(normalized), value))
        scores = query @ key.mT / query.shape[-1] ** 0.5
        if mask is not None:
            scores = scores.masked_fill(~mask[:, None, None], -torch.inf)
        mixed = (scores.softmax(-1) @ value).transpose(1, 2).flatten(2)
        values = values + self.dropout(self.output(mixed))
        return values + self.dropout(self.linear(self.linear_norm(values)))

    def _by_head(self, values: Tensor) -> Tensor:
        """Shapes: (B, T, width) -> (B, heads, T, width / heads)."""
        return values.unflatten(-1, (self.heads, -1)).transpose(1, 2)


FUSIONS = {"late": Late, "gated": Gated, "attention": Attention}


class FusionHead(nn.Module):
    """Puts learned vectors where features are missing, fuses, and maps to the outputs.

    In training it leaves out features of whole encoders, each with a probability, but never all
    that a row has.
    Shapes: features (B, sum(widths) + K), the last K of which mark what there is -> (B, outputs).
    Source: Neverova et al. 2016, https://arxiv.org/abs/1501.00102 (dropping whole kinds)
    """

    def __init__(
        self,
        *,
        fusion: Fusion,
        widths: Sequence[int],
        may_miss: Sequence[bool],
        hidden: Sequence[int],
        outputs: int,
        dropout: float,
        modality_dropout: float,
    ):
        super().__init__()
        self.widths = [*widths]
        self.missing = nn.ParameterDict(
            {
                str(k): nn.Parameter(torch.empty(width).normal_(std=MISSING_SPREAD))
                for k, (width, may) in enumerate(zip(widths, may_miss, strict=True))
                if may
            }
        )
        self.drop = nn.Dropout(modality_dropout) if modality_dropout and len(widths) > 1 else None
        self.fusion = fusion
        self.layers, width = nn.Sequential(), fusion.fused
        for units in hidden:
            self.layers += nn.Sequential(nn.Linear(width, units), nn.ReLU(), nn.Dropout(dropout))
            width = units
        self.output = nn.Linear(width, outputs)

    def forward(self, features: Tensor) -> Tensor:
        *parts, marks = features.split([*self.widths, len(self.widths)], -1)
        marks = self._kept(marks) if self.drop is not None else marks
        parts = [self._completed(k, part, marks[:, k]) for k, part in enumerate(parts)]
        return self.output(self.layers(self.fusion(parts)))

    def _completed(self, k: int, part: Tensor, marks: Tensor) -> Tensor:
        if str(k) not in self.missing:
            return part
        return torch.where(marks[:, None] > 0, part, self.missing[str(k)].to(part.dtype))

    def _kept(self, marks: Tensor) -> Tensor:
        """The marks of what there is without what is dropped. Shapes: (B, K) -> the same."""
        assert self.drop is not None
        kept = marks * (self.drop(torch.ones_like(marks)) > 0)
        return torch.where(kept.sum(1, keepdim=True) > 0, kept, marks)
