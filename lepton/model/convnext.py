"""ConvNext: convolutions built as transformers are, from scratch."""

from lepton.errors import ConfigError
from lepton.model.image_network import Pooled, build_encoder
from lepton.spec import DataSpec
from lepton.values.bounds import AtLeast1, From0Below1

STAGES = 4
PATCHES = ((128, 4), (48, 2), (1, 1))  # from which side on, and the patch then, in pixels


class ConvNext(Pooled):
    """Four stages of blocks: a depthwise convolution of 7 x 7, layer normalization, two layers.

    Source: Liu et al. 2022, https://arxiv.org/abs/2201.03545
    Raises: ConfigError where there are not four stages.
    """

    def __init__(
        self,
        *,
        spec: DataSpec,
        widths: list[AtLeast1],
        blocks: list[AtLeast1],
        patch_size: AtLeast1 | None,
        dropout: From0Below1,
    ):
        for key, values in (("widths", widths), ("blocks", blocks)):
            if len(values) != STAGES:
                raise ConfigError(f"model.{key}: {values} are {len(values)} stages; {STAGES}")
        fields = spec.inputs["image"]
        side = min(fields["height"], fields["width"])
        encoder = build_encoder(
            "convnext",
            num_channels=fields["channels"],
            hidden_sizes=[*widths],
            depths=[*blocks],
            patch_size=patch_size or next(patch for least, patch in PATCHES if side >= least),
        )
        super().__init__(spec=spec, encoder=encoder, dropout=dropout)
