"""CnnSmall: a few convolutions, for small images."""

from itertools import pairwise

from torch import Tensor, nn

from lepton.errors import ConfigError
from lepton.model.pixels import Pixels
from lepton.model.token_features import Tokens
from lepton.spec import DataSpec
from lepton.values.bounds import AtLeast1, From0Below1

SIDE = 3  # of a convolution's window, in pixels


class CnnSmall(nn.Module):
    """Blocks of a convolution, batch normalization and ReLU; the mean over all places; a head.

    Between two blocks the larger of each two pixels stays, in height and width.
    Shapes: image (B, C, H, W) uint8 -> (B, outputs).
    Raises: ConfigError without a block.
    """

    reads = ("image",)

    def __init__(self, *, spec: DataSpec, channels: list[AtLeast1], dropout: From0Below1):
        super().__init__()
        if not channels:
            raise ConfigError("model.channels: [] has no block; one at least, as [32]")
        self.pixels = Pixels(spec=spec)
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(width_in, width, SIDE, padding=SIDE // 2, bias=False),
                nn.BatchNorm2d(width),
                nn.ReLU(),
            )
            for width_in, width in pairwise([self.pixels.channels, *channels])
        )
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(channels[-1], spec.outputs)

    def layers(self) -> list[str]:
        return [*(f"blocks.{i}" for i in range(len(self.blocks))), "head"]

    def features(self, batch: dict[str, Tensor]) -> Tensor:
        return self.dropout(self._places(batch).mean((2, 3)))

    def token_features(self, batch: dict[str, Tensor]) -> Tokens:
        return Tokens(self.dropout(self._places(batch)))

    def _places(self, batch: dict[str, Tensor]) -> Tensor:
        """The features of all places. Shapes: -> (B, width, H, W)."""
        values = self.pixels(batch["image"])
        for i, block in enumerate(self.blocks):
            if i and min(values.shape[2:]) > 1:
                values = nn.functional.max_pool2d(values, 2)
            values = block(values)
        return values

    def forward(self, batch: dict[str, Tensor]) -> Tensor:
        return self.head(self.features(batch))
