"""ResNet: a residual network on numbers and category embeddings."""

from typing import Literal

import rtdl_revisiting_models as rtdl
from torch import Tensor, nn

from lepton.model.inputs import FlatInputs
from lepton.model.layers import (
    AllButLast,
    Columns,
    code_keys,
    embedding_columns,
    with_parameters,
)
from lepton.spec import DataSpec
from lepton.values.bounds import Above0, AtLeast1, From0Below1


class ResNet(nn.Module):
    """The ResNet of rtdl on FlatInputs.

    Shapes: num (B, F) and cat (B, C) -> (B, outputs).
    """

    reads = ("table",)

    def __init__(
        self,
        *,
        spec: DataSpec,
        blocks: AtLeast1,
        width: AtLeast1,
        hidden_multiplier: Above0,
        hidden_dropout: From0Below1,
        residual_dropout: From0Below1,
        cat_width: AtLeast1,
        num_embedding: Literal["none", "piecewise_linear", "periodic"],
        num_width: AtLeast1,
        bins: AtLeast1,
        frequencies: AtLeast1,
        frequency_scale: Above0,
    ):
        super().__init__()
        self.inputs = FlatInputs(
            spec=spec,
            cat_width=cat_width,
            num_embedding=num_embedding,
            num_width=num_width,
            bins=bins,
            frequencies=frequencies,
            frequency_scale=frequency_scale,
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
        self.backbone.output = AllButLast(self.backbone.output)

    def forward(self, batch: dict[str, Tensor]) -> Tensor:
        return self.head(self.features(batch))

    def features(self, batch: dict[str, Tensor]) -> Tensor:
        return self.backbone(self.inputs(batch))

    @property
    def head(self) -> nn.Module:
        return self.backbone.output.linear

    def layers(self) -> list[str]:
        blocks = [f"backbone.blocks.{i}" for i in range(len(self.backbone.blocks))]
        blocks[-1] += "+backbone.output.normalization"
        names = ["inputs", "backbone.input_projection", *blocks, "backbone.output.linear"]
        return with_parameters(self, names)

    def residual_branches(self) -> list[list[str]]:
        return [[f"backbone.blocks.{i}.dropout2"] for i in range(len(self.backbone.blocks))]

    def columns(self, spec: DataSpec) -> Columns:
        return {
            **embedding_columns("inputs.numbers", self.inputs.numbers, spec),
            "inputs.categories.table.weight": (0, code_keys(spec)),
            "backbone.input_projection.weight": (1, self.inputs.unit_keys(spec)),
        }
