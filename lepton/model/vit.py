"""ViT: a transformer over patches of an image, from scratch."""

from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor

from lepton.errors import ConfigError
from lepton.model.image_network import Pooled, build_encoder, unpooled
from lepton.spec import DataSpec
from lepton.values.bounds import AtLeast1, From0Below1

if TYPE_CHECKING:
    from transformers.utils.generic import ModelOutput

PATCHES = (16, 8, 4, 2)  # sides in pixels, the first of which that leaves FEWEST along a side
FEWEST = 6


class ViT(Pooled):
    """Patches as tokens, blocks of self-attention, and the mean of the tokens, or the first one.

    Images whose sides the patch does not divide are padded with 0, the mean of all, at their end.
    Source: Dosovitskiy et al. 2020, https://arxiv.org/abs/2010.11929; the mean of tokens as in
        Beyer et al. 2022, https://arxiv.org/abs/2205.01580
    Raises: ConfigError for a width that the heads do not divide.
    """

    def __init__(
        self,
        *,
        spec: DataSpec,
        width: AtLeast1,
        blocks: AtLeast1,
        heads: AtLeast1,
        patch_size: AtLeast1 | None,
        pooling: Literal["cls", "mean"],
        dropout: From0Below1,
    ):
        if width % heads:
            raise ConfigError(f"model.heads: {heads} do not divide model.width={width}")
        fields = spec.inputs["image"]
        sides = fields["height"], fields["width"]
        patch = patch_size or next((p for p in PATCHES if min(sides) // p >= FEWEST), 1)
        below, right = (-side % patch for side in sides)
        encoder = build_encoder(
            "vit",
            num_channels=fields["channels"],
            image_size=[sides[0] + below, sides[1] + right],
            patch_size=patch,
            hidden_size=width,
            num_hidden_layers=blocks,
            num_attention_heads=heads,
            intermediate_size=4 * width,
            attention="eager",  # vmap splits the fused kernel up
        )
        self.pooling, self.padding = pooling, (0, right, 0, below)  # in the order of `pad`
        super().__init__(spec=spec, encoder=encoder, dropout=dropout)

    def ask(self, values: Tensor) -> "ModelOutput":
        return super().ask(self._padded(values))

    def encode_places(self, values: Tensor) -> Tensor:
        return unpooled(self.ask(values), self.encoder, self._padded(values).shape[2:])

    def _padded(self, values: Tensor) -> Tensor:
        return torch.nn.functional.pad(values, self.padding) if any(self.padding) else values
