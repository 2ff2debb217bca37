"""Multimodal: an encoder for each kind of inputs, whose features are fused under one head."""

from collections.abc import Callable
from typing import Literal

from torch import nn

from lepton.errors import ConfigError
from lepton.model.fusion import FUSIONS, FusionHead
from lepton.model.kind_encoders import KindEncoders
from lepton.model.token_fusion import TokenAttention, TokenHead
from lepton.spec import DataSpec
from lepton.values.bounds import AtLeast1, From0Below1


class Multimodal(KindEncoders):
    """The features of encoders, fused; in training some are left out.

    The head puts a learned vector in the place of what is missing, in training also of what it
    drops; of several tokens an encoder it looks at those alone that there are.
    Shapes: the inputs of the encoders -> (B, outputs).
    Raises: ConfigError for several tokens where the fusion is no attention over them, or no encoder
        has them.
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
        tokens: AtLeast1,
    ):
        if tokens > 1 and fusion != "attention":
            raise ConfigError(
                f"model.tokens={tokens}: fusion={fusion} takes one token an encoder, tokens=1; "
                "several need model.fusion=attention"
            )
        super().__init__(spec=spec, encoders=encoders, tokens=tokens)
        shape = {"widths": self.widths, "width": width, "heads": heads, "layers": layers}
        shape["dropout"] = dropout
        of_head = {"hidden": hidden, "outputs": spec.outputs, "dropout": dropout}
        of_head["modality_dropout"] = modality_dropout
        if tokens > 1:
            self._require_tokens(tokens)
            attention = TokenAttention(counts=self.counts, **shape)
            self.head = TokenHead(fusion=attention, widths=self.widths, **of_head)
        else:
            self.head = FusionHead(
                fusion=FUSIONS[fusion](**shape),
                widths=self.widths,
                may_miss=[modality_dropout > 0 or place is not None for place in self.places],
                **of_head,
            )

    def _require_tokens(self, tokens: int) -> None:
        if max(self.counts) == 1:
            names = ", ".join(type(self.encoder(kind).model).__name__ for kind in self.kinds)
            raise ConfigError(
                f"model.tokens={tokens}: {names} has no tokens but one for a row; networks on "
                "pictures, texts and sounds have, and ft_transformer of a table's columns"
            )
