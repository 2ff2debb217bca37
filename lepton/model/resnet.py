"""Tabular ResNet on numbers and category embeddings."""

from typing import Literal

import rtdl_revisiting_models as rtdl
from torch import Tensor, nn

from lepton.model.inputs import FlatInputs, number_embeddings
from lepton.spec import DataSpec


class ResNet(nn.Module):
    """rtdl's ResNet behind the inputs of lepton.

    Shapes: num (B, F) and cat (B, C) -> (B, outputs).
    """

    def __init__(
        self,
        *,
        spec: DataSpec,
        blocks: int,
        width: int,
        hidden_multiplier: float,
        hidden_dropout: float,
        residual_dropout: float,
        cat_width: int,
        num_embedding: Literal["none", "piecewise_linear", "periodic"],
        num_width: int,
        bins: int,
        frequencies: int,
        frequency_scale: float,
    ):
        super().__init__()
        numbers = number_embeddings(
            spec=spec,
            kind=num_embedding,
            width=num_width,
            bins=bins,
            frequencies=frequencies,
            frequency_scale=frequency_scale,
        )
        self.inputs = FlatInputs(
            spec=spec, cat_width=cat_width, numbers=numbers, num_width=num_width
        )
        self.backbone = rtdl.ResNet(
            d_in=self.inputs.width,
            d_out=spec.outputs,
            n_blocks=blocks,
            d_block=width,
            d_hidden_multiplier=hidden_multiplier,
            dropout1=hidden_dropout,
            dropout2=residual_dropout,
        )

    def forward(self, batch: dict[str, Tensor]) -> Tensor:
        return self.backbone(self.inputs(batch))
