"""Fusion of several tokens an encoder: attention over all that a row has, and the head on it."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from lepton.model.fusion import Attention, FusionHead

PLACE_SPREAD = 0.5  # standard deviation of what tells places apart, at first: beside features of 1


class TokenAttention(Attention):
    """Attention over the tokens of all encoders, each of which knows its kind and its place.

    Shapes: parts (B, counts[k], widths[k]) for each of K encoders, mask (B, sum(counts))
        -> (B, fused).
    """

    def __init__(self, *, counts: Sequence[int], width: int, **settings: float):
        super().__init__(width=width, **settings)  # pyright: ignore[reportArgumentType]
        self.places = nn.ParameterList(
            torch.empty(count, width).normal_(std=PLACE_SPREAD) for count in counts
        )

    def forward(self, parts: list[Tensor], mask: Tensor) -> Tensor:
        tokens = [
            projection(part) + places
            for projection, places, part in zip(self.projections, self.places, parts, strict=True)
        ]
        values = torch.cat([*tokens, self.summary.expand(len(mask), 1, -1)], 1)
        seen = torch.cat([mask, mask.new_ones(len(mask), 1)], 1)
        for block in self.blocks:
            values = block(values, seen)
        return self.norm(values[:, -1])


class TokenHead(FusionHead):
    """A FusionHead of several tokens an encoder: those that are missing or left out are not seen.

    Shapes: features (B, sum(counts * widths) + sum(counts)), the last of which mark the tokens that
        there are -> (B, outputs).
    """

    def __init__(self, *, fusion: TokenAttention, widths: Sequence[int], **settings: object):
        super().__init__(
            fusion=fusion,
            widths=widths,
            may_miss=[False] * len(widths),
            **settings,  # pyright: ignore[reportArgumentType]
        )
        self.counts = [len(places) for places in fusion.places]

    def forward(self, features: Tensor) -> Tensor:
        sizes = [count * width for count, width in zip(self.counts, self.widths, strict=True)]
        *parts, marks = features.split([*sizes, sum(self.counts)], -1)
        by_kind = marks.split(self.counts, 1)
        present = torch.stack([own.amax(1) for own in by_kind], 1)
        kept = self._kept(present) if self.drop is not None else present
        masks = [own * kept[:, k, None] > 0 for k, own in enumerate(by_kind)]
        tokens = [
            part.unflatten(1, (count, -1)).masked_fill(~mask[..., None], 0.0)
            for part, count, mask in zip(parts, self.counts, masks, strict=True)
        ]
        return self.output(self.layers(self.fusion(tokens, torch.cat(masks, 1))))
