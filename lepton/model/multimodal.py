"""Multimodal: an encoder for each kind of inputs, whose features are fused under one head."""

from collections.abc import Callable
from typing import Literal

from torch import nn

from lepton.model.fusion import FUSIONS, FusionHead
from lepton.model.kind_encoders import KindEncoders
from lepton.spec import DataSpec
from lepton.values.bounds import AtLeast1, From0Below1


class Multimodal(KindEncoders):
    """The features of encoders, fused; in training some are left out.

    The head puts a learned vector in the place of what is missing, in training also of what it
    drops.
    Shapes: the inputs of the encoders -> (B, outputs).
    """

    def __init__(
        self,
        *,
        spec: DataSpec,
        encoders: dict[str, Callable[..., nn.Module]],
        fusion: Literal["late", "gated", "attention"],
        width: AtLeast1,
        hidden: list[AtLeast1],
        heads: AtLeast1,
        layers: AtLeast1,
        dropout: From0Below1,
        modality_dropout: From0Below1,
    ):
        super().__init__(spec=spec, encoders=encoders)
        self.head = FusionHead(
            fusion=FUSIONS[fusion](
                widths=self.widths, width=width, heads=heads, layers=layers, dropout=dropout
            ),
            widths=self.widths,
            may_miss=[modality_dropout > 0 or place is not None for place in self.places],
            hidden=hidden,
            outputs=spec.outputs,
            dropout=dropout,
            modality_dropout=modality_dropout,
        )
