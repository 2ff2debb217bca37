"""MobileNet: MobileNetV2, from scratch or with weights learned on ImageNet."""

from pathlib import Path
from typing import Literal

from torch import nn

from lepton.model.image_network import Pooled, build_encoder
from lepton.model.pixels import COLOURS
from lepton.model.weights_file import (
    encoder_of_file,
    path_of_weights,
    scaling_of,
    write_architecture,
)
from lepton.spec import DataSpec
from lepton.values.bounds import Above0, From0Below1

LARGE_SIDE = 96  # pixels, from which on a first step of 2 leaves something to see
EPSILON = 1e-5  # of batch normalization, as torch has it


class MobileNet(Pooled):
    """Inverted residual blocks: wider inside, and there each channel by itself.

    Source: Sandler et al. 2018, https://arxiv.org/abs/1801.04381
    Raises: ConfigError for a file of another network's weights.
    """

    def __init__(
        self,
        *,
        spec: DataSpec,
        width: Above0,
        stem: Literal["small", "imagenet"] | None,
        path: str | None,
        pretrained: bool,
        mean: list[float] | None,
        std: list[Above0] | None,
        dropout: From0Below1,
    ):
        fields, weights = spec.inputs["image"], path_of_weights(path, pretrained)
        channels = COLOURS if path else fields["channels"]

        def build() -> nn.Module:
            return build_encoder(
                "mobilenet_v2",
                num_channels=channels,
                depth_multiplier=width,
                tf_padding=False,
                layer_norm_eps=EPSILON,
            )

        encoder = encoder_of_file(build, weights)
        is_small = min(fields["height"], fields["width"]) < LARGE_SIDE
        if (stem or ("small" if is_small else "imagenet")) == "small":
            encoder.conv_stem.first_conv.convolution.stride = (1, 1)
        super().__init__(
            spec=spec,
            encoder=encoder,
            scaling=scaling_of(mean, std),
            channels=channels,
            dropout=dropout,
        )
        self.pretrained = pretrained  # there is something to tune
        self.has_file = path is not None

    def save_architecture(self, folder: Path) -> None:
        """Writes that there is nothing else to build the network of."""
        if self.has_file:
            write_architecture(folder, "mobilenet_v2")
