"""ImageResNet: residual networks of convolutions, from scratch."""

from typing import Any, Literal

from torch import nn

from lepton.model.image_network import Pooled, build_encoder
from lepton.spec import DataSpec
from lepton.values.bounds import AtLeast1, From0Below1

BLOCKS = {  # of each of four stages, and how many times wider than its own a stage's answers are
    18: ([2, 2, 2, 2], "basic", 1),
    34: ([3, 4, 6, 3], "basic", 1),
    50: ([3, 4, 6, 3], "bottleneck", 4),
}
LARGE_SIDE = 96  # pixels, from which on the stem of ImageNet leaves something to see
SIDE = 3  # of the small stem's window, in pixels


class ImageResNet(Pooled):
    """Four stages of residual blocks, each half as high and wide and twice as deep as the last.

    Source: He et al. 2015, https://arxiv.org/abs/1512.03385; the small stem as in its section 4.2
    """

    def __init__(
        self,
        *,
        spec: DataSpec,
        depth: Literal[18, 34, 50],
        width: AtLeast1,
        stem: Literal["small", "imagenet"] | None,
        dropout: From0Below1,
    ):
        blocks, kind, times = BLOCKS[depth]
        fields = spec.inputs["image"]
        encoder = build_encoder(
            "resnet",
            num_channels=fields["channels"],
            embedding_size=width,
            hidden_sizes=[width * times * 2**stage for stage in range(len(blocks))],
            depths=blocks,
            layer_type=kind,
        )
        is_small = min(fields["height"], fields["width"]) < LARGE_SIDE
        if (stem or ("small" if is_small else "imagenet")) == "small":
            _see_every_pixel(encoder.embedder)
        super().__init__(spec=spec, encoder=encoder, dropout=dropout)


def _see_every_pixel(embedder: Any) -> None:
    """Puts a window of 3 x 3 pixels, at each of them, in the place of the stem's 7 x 7."""
    large: nn.Conv2d = embedder.embedder.convolution
    small = nn.Conv2d(large.in_channels, large.out_channels, SIDE, padding=SIDE // 2, bias=False)
    nn.init.kaiming_normal_(small.weight, mode="fan_out", nonlinearity="relu")
    embedder.embedder.convolution = small
    embedder.pooler = nn.Identity()
