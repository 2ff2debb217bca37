"""AudioCnn: a few convolutions over time and pitch, for short sounds."""

from itertools import pairwise
from typing import TYPE_CHECKING

from torch import Tensor, nn

from lepton.errors import ConfigError
from lepton.model.spectra import Batch, halved, mask_time
from lepton.model.spectrum_network import SpectrumNetwork
from lepton.spec import DataSpec
from lepton.values.bounds import AtLeast1, From0Below1

if TYPE_CHECKING:
    from lepton.audio.log_mel import LogMel

FIRST, SIDE = 5, 3  # of a convolution's window, in frames and in bands


class AudioCnn(SpectrumNetwork):
    """Blocks of a convolution, batch normalization and ReLU; the mean over time and pitch; a head.

    The first block takes every second frame and band; between two others the larger of each two
    stays. What lies behind a sound's own frames is no part of it.
    Shapes: audio (B, T) or log_mel (B, T, bands), audio_length (B,) -> (B, outputs).
    Source: after Sainath and Parada 2015, Convolutional neural networks for small-footprint keyword
        spotting
    Raises: ConfigError without a block.
    """

    def __init__(
        self,
        *,
        spec: DataSpec,
        spectrum: "LogMel",
        channels: list[AtLeast1],
        dropout: From0Below1,
    ):
        super().__init__(spec=spec, spectrum=spectrum)
        if not channels:
            raise ConfigError("model.channels: [] has no block; one at least, as [32]")
        self.blocks = nn.ModuleList()
        for width_in, width in pairwise([1, *channels]):
            side, stride = (SIDE, 1) if self.blocks else (FIRST, 2)
            convolution = nn.Conv2d(
                width_in, width, side, stride=stride, padding=side // 2, bias=False
            )
            self.blocks.append(nn.Sequential(convolution, nn.BatchNorm2d(width), nn.ReLU()))
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(channels[-1], spec.outputs)

    def layers(self) -> list[str]:
        return [*(f"blocks.{i}" for i in range(len(self.blocks))), "head"]

    def places(self, batch: Batch) -> tuple[Tensor, Tensor]:
        frames, lengths = self.spectrum(batch)
        values = frames[:, None]
        for i, block in enumerate(self.blocks):
            if i > 1 and min(values.shape[2:]) > 1:
                values = nn.functional.max_pool2d(values, 2, ceil_mode=True)
            if i != 1:
                lengths = halved(lengths)
            values = mask_time(block(values), lengths)
        return values, lengths
