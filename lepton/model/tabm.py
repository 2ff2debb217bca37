"""TabM: many MLPs in one, which share most of their weights."""

from typing import Literal

from tabm import EnsembleView, LinearEnsemble, make_tabm_backbone
from torch import Tensor, nn

from lepton.model.inputs import OneHot, flat_inputs, number_embeddings
from lepton.model.layers import (
    Columns,
    code_keys,
    embedding_columns,
    number_keys,
    with_parameters,
)
from lepton.spec import DataSpec
from lepton.storage.run_log import log_once
from lepton.values.bounds import Above0, AtLeast1, From0Below1


class TabM(nn.Module):
    """K parallel predictions from one pass over numbers and one-hot categories.

    Shapes: num (B, F) and cat (B, C) -> (B, K, outputs).
    """

    reads = ("table",)

    def __init__(
        self,
        *,
        spec: DataSpec,
        arch: Literal["tabm", "tabm-mini", "tabm-packed"],
        k: AtLeast1,
        blocks: AtLeast1,
        width: AtLeast1,
        dropout: From0Below1,
        num_embedding: Literal["none", "piecewise_linear", "periodic"],
        num_width: AtLeast1,
        bins: AtLeast1,
        frequencies: AtLeast1,
        frequency_scale: Above0,
        max_embedded: AtLeast1 | None,
    ):
        super().__init__()
        count = len(spec.num_features)
        self.has_numbers = bool(count)
        if max_embedded is not None and max_embedded < count and num_embedding != "none":
            num_embedding = "none"
            log_once(f"model: {count} numbers, more than model.max_embedded, are not embedded")
        self.numbers = number_embeddings(
            spec=spec,
            kind=num_embedding,
            width=num_width,
            bins=bins,
            frequencies=frequencies,
            frequency_scale=frequency_scale,
        )
        self.num_width = 1 if self.numbers is None else num_width
        widths = [self.num_width] * len(spec.num_features)
        self.categories = None
        if spec.cat_features:
            self.categories = OneHot(cardinalities=spec.cat_cardinalities)
            widths += self.categories.widths
        self.view = EnsembleView(k=k)
        self.backbone = make_backbone(
            arch=arch,
            widths=widths,
            embedded=self.numbers is not None,
            n_blocks=blocks,
            d_block=width,
            dropout=dropout,
            k=k,
        )
        self.output = LinearEnsemble(width, spec.outputs, k=k)

    def forward(self, batch: dict[str, Tensor]) -> Tensor:
        return self.output(self.features(batch))

    def features(self, batch: dict[str, Tensor]) -> Tensor:
        """Shapes: -> (B, K, width)."""
        flat = flat_inputs(batch, self.has_numbers, self.numbers, self.categories)
        return self.backbone(self.view(flat))

    @property
    def head(self) -> nn.Module:
        return self.output

    def layers(self) -> list[str]:
        names = [name for name, _ in self.backbone.get_submodule("blocks").named_children()]
        blocks = [f"backbone.blocks.{name}" for name in names]
        first = "+".join(with_parameters(self, ["backbone.affine", blocks[0]]))
        return with_parameters(self, ["numbers", first, *blocks[1:], "output"])

    def columns(self, spec: DataSpec) -> Columns:
        keys = [*number_keys(spec, self.num_width), *code_keys(spec, unseen=False)]
        first_tensors = ("affine.weight", "affine.bias", "blocks.0.0.weight", "blocks.0.0.r")
        return {
            **embedding_columns("numbers", self.numbers, spec),
            **{f"backbone.{name}": (1, keys) for name in first_tensors},
        }


def make_backbone(
    *, arch: str, widths: list[int], embedded: bool, **sizes: int | float
) -> nn.Module:
    """The hidden layers; the first scaling is drawn once for each feature and member.

    Source: initial scalings as tabm.TabM.make chooses them.
    """
    scaled = arch != "tabm-packed"
    return make_tabm_backbone(
        d_in=sum(widths),
        arch_type=arch,
        start_scaling_init=("normal" if embedded else "random-signs") if scaled else None,
        start_scaling_init_chunks=widths if scaled else None,
        **sizes,
    )
