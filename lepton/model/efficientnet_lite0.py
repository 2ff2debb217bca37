"""EfficientNetLite0: an efficient network of convolutions, with weights learned on ImageNet."""

from itertools import pairwise
from pathlib import Path

from torch import Tensor, nn
from torch.nn.functional import pad

from lepton.model.image_network import ImageNetwork
from lepton.model.pixels import COLOURS
from lepton.model.weights_file import (
    encoder_of_file,
    path_of_weights,
    scaling_of,
    write_architecture,
)
from lepton.spec import DataSpec
from lepton.values.bounds import Above0, From0Below1

STEM_WIDTH, HEAD_WIDTH = 32, 1280
STAGES = (  # blocks, side of the window, step, growth inside a block, width
    *((1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80)),
    *((3, 5, 1, 6, 112), (4, 5, 2, 6, 192), (1, 3, 1, 6, 320)),
)
EPSILON, MOMENTUM = 1e-3, 0.01  # of batch normalization


class EfficientNetLite0(ImageNetwork):
    """Inverted residual blocks without squeeze and excitation, and a mean over all places.

    Source: https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite
    Raises: ConfigError for a file of another network's weights.
    """

    def __init__(
        self,
        *,
        spec: DataSpec,
        path: str | None,
        pretrained: bool,
        mean: list[float] | None,
        std: list[Above0] | None,
        dropout: From0Below1,
    ):
        super().__init__(
            spec=spec,
            encoder=encoder_of_file(
                lambda: EfficientNetEncoder(COLOURS), path_of_weights(path, pretrained)
            ),
            scaling=scaling_of(mean, std),
            channels=COLOURS,
            dropout=dropout,
        )
        self.pretrained = pretrained  # there is something to tune

    def residual_branches(self) -> list[list[str]]:
        return [
            [f"encoder.blocks.{i}.layers"]
            for i, block in enumerate(self.encoder.blocks)
            if block.adds
        ]

    def save_architecture(self, folder: Path) -> None:
        """Writes that there is nothing else to build the network of."""
        write_architecture(folder, "efficientnet_lite0")


class EfficientNetEncoder(nn.Module):
    """All below the head. Shapes: (B, channels, H, W) -> (B, HEAD_WIDTH)."""

    def __init__(self, channels: int):
        super().__init__()
        self.stem = ConvNorm(channels, STEM_WIDTH, side=3, step=2)
        widths, blocks = [STEM_WIDTH, *(stage[-1] for stage in STAGES)], []
        for (count, side, step, growth, _), (before, width) in zip(
            STAGES, pairwise(widths), strict=True
        ):
            for number in range(count):
                inputs, steps = (before, step) if number == 0 else (width, 1)
                blocks.append(
                    InvertedBottleneck(inputs, width, side=side, step=steps, growth=growth)
                )
        self.blocks = nn.ModuleList(blocks)
        self.top = ConvNorm(widths[-1], HEAD_WIDTH)

    def forward(self, values: Tensor) -> Tensor:
        return self.places(values).mean((2, 3))

    def places(self, values: Tensor) -> Tensor:
        """The answers for all places. Shapes: -> (B, HEAD_WIDTH, H / 32, W / 32)."""
        values = self.stem(values)
        for block in self.blocks:
            values = block(values)
        return self.top(values)


class InvertedBottleneck(nn.Module):
    """Widens, looks around in each channel, and narrows; what comes in is added where it fits."""

    def __init__(self, inputs: int, outputs: int, *, side: int, step: int, growth: int):
        super().__init__()
        inner = inputs * growth
        self.layers = nn.Sequential(
            *([ConvNorm(inputs, inner)] if growth > 1 else []),
            ConvNorm(inner, inner, side=side, step=step, groups=inner),
            ConvNorm(inner, outputs, activation=False),
        )
        self.adds = step == 1 and inputs == outputs

    def forward(self, values: Tensor) -> Tensor:
        changed = self.layers(values)
        return values + changed if self.adds else changed


class ConvNorm(nn.Sequential):
    """A convolution padded as TensorFlow pads, batch normalization, and perhaps ReLU6."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        side: int = 1,
        step: int = 1,
        groups: int = 1,
        activation: bool = True,
    ):
        super().__init__(
            SamePadded(inputs, outputs, side, step, groups=groups, bias=False),
            nn.BatchNorm2d(outputs, eps=EPSILON, momentum=MOMENTUM),
            nn.ReLU6() if activation else nn.Identity(),
        )


class SamePadded(nn.Conv2d):
    """A convolution whose answers are the image's sides over its step, rounded up."""

    def forward(self, values: Tensor) -> Tensor:
        amounts: list[int] = []
        for size, window, step in zip(
            values.shape[:1:-1], self.kernel_size[::-1], self.stride[::-1], strict=True
        ):
            total = max(0, (-(-size // step) - 1) * step + window - size)
            amounts += [total // 2, total - total // 2]
        return super().forward(pad(values, amounts) if any(amounts) else values)
