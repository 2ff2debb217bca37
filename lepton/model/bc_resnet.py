"""BcResNet: a broadcasted residual network, small and good at keywords."""

from itertools import pairwise
from typing import TYPE_CHECKING

from torch import Tensor, nn

from lepton.errors import ConfigError
from lepton.model.spectra import Batch, halved, mask_time
from lepton.model.spectrum_network import SpectrumNetwork
from lepton.spec import DataSpec
from lepton.values.bounds import Above0, AtLeast1, From0Below1

if TYPE_CHECKING:
    from lepton.audio.log_mel import LogMel

STAGES = ((2, 8, 1, 1), (2, 12, 2, 2), (4, 16, 2, 4), (4, 20, 1, 8))  # blocks, width, step, spread
STEM, LAST = 16, 32  # widths before and behind the stages


class BcResNet(SpectrumNetwork):
    """Each block adds what it finds in every band, and what it finds in their mean to all of them.

    Where the paper lets its last convolution fill all bands, this one takes their mean.
    Shapes: audio (B, T) or log_mel (B, T, bands), audio_length (B,) -> (B, outputs).
    Source: Kim et al. 2021, https://arxiv.org/abs/2106.04140
    Raises: ConfigError for bands that `groups` does not divide where they are fewest.
    """

    def __init__(
        self,
        *,
        spec: DataSpec,
        spectrum: "LogMel",
        width: Above0,
        groups: AtLeast1,
        dropout: From0Below1,
    ):
        super().__init__(spec=spec, spectrum=spectrum)
        _require_divided_bands(self.spectrum.bands, groups)
        widths = [max(1, round(base * width)) for base in (STEM, *(s[1] for s in STAGES))]
        last = max(1, round(LAST * width))
        self.stem = nn.Sequential(
            nn.Conv2d(1, widths[0], 5, stride=2, padding=2, bias=False),
            nn.BatchNorm2d(widths[0]),
            nn.ReLU(),
        )
        self.stages = nn.ModuleList(
            _stage(before, after, count, step=step, spread=spread, groups=groups, dropout=dropout)
            for (count, _, step, spread), (before, after) in zip(
                STAGES, pairwise(widths), strict=True
            )
        )
        self.last = nn.Sequential(
            nn.Conv2d(widths[-1], widths[-1], 5, padding=2, groups=widths[-1], bias=False),
            nn.Conv2d(widths[-1], last, 1, bias=False),
            nn.BatchNorm2d(last),
            nn.ReLU(),
        )
        self.head = nn.Linear(last, spec.outputs)

    def layers(self) -> list[str]:
        return ["stem", *(f"stages.{i}" for i in range(len(STAGES))), "last", "head"]

    def places(self, batch: Batch) -> tuple[Tensor, Tensor]:
        frames, lengths = self.spectrum(batch)
        lengths = halved(lengths)
        values = mask_time(self.stem(frames[:, None]), lengths)
        for stage in self.stages:
            for block in stage:  # type: ignore[attr-defined]
                values = block(values, lengths)
        return mask_time(self.last(values), lengths), lengths


class BroadcastedBlock(nn.Module):
    """Looks along the bands, then at the mean of them along time.

    Shapes: (B, C, T, F), lengths (B,) -> (B, outputs, T, F / step).
    """

    def __init__(
        self, inputs: int, outputs: int, *, step: int, spread: int, groups: int, dropout: float
    ):
        super().__init__()
        self.keeps_shape = inputs == outputs and step == 1
        self.widen = nn.Sequential()
        if not self.keeps_shape:
            self.widen = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()
            )
        self.bands = nn.Conv2d(
            *(outputs, outputs, (1, 3)),
            stride=(1, step),
            padding=(0, 1),
            groups=outputs,
            bias=False,
        )
        self.normalize = GroupedBandNorm(outputs, groups)
        self.time = nn.Conv2d(
            *(outputs, outputs, (3, 1)),
            padding=(spread, 0),
            dilation=(spread, 1),
            groups=outputs,
            bias=False,
        )
        self.mix = nn.Sequential(
            nn.BatchNorm2d(outputs),
            nn.SiLU(),
            nn.Conv2d(outputs, outputs, 1, bias=False),
            nn.Dropout(dropout),
        )

    def forward(self, values: Tensor, lengths: Tensor) -> Tensor:
        found = mask_time(self.normalize(self.bands(self.widen(values))), lengths)
        of_all_bands = self.mix(self.time(found.mean(3, keepdim=True)))
        total = found + of_all_bands
        if self.keeps_shape:
            total = total + values
        return mask_time(total.relu(), lengths)


class GroupedBandNorm(nn.Module):
    """Batch normalization of each channel in each of several groups of neighbouring bands."""

    def __init__(self, channels: int, groups: int):
        super().__init__()
        self.groups = groups
        self.norm = nn.BatchNorm2d(channels * groups)

    def forward(self, values: Tensor) -> Tensor:
        """Shapes: (B, C, T, F) -> the same."""
        rows, channels, time, bands = values.shape
        grouped = values.reshape(rows, channels, time, self.groups, bands // self.groups)
        grouped = grouped.transpose(2, 3).reshape(rows, channels * self.groups, time, -1)
        normed = self.norm(grouped).reshape(rows, channels, self.groups, time, -1)
        return normed.transpose(2, 3).reshape(rows, channels, time, bands)


def _require_divided_bands(bands: int, groups: int) -> None:
    """Raises: ConfigError where the bands are not `groups` equal parts at each of their numbers."""
    left = bands
    for step in (2, *(stage[2] for stage in STAGES)):  # the stem halves the bands, too
        left = -(-left // step)
        if left % groups:
            raise ConfigError(
                f"model.groups: {groups} groups do not divide the {left} bands that are left "
                f"of model.spectrum.bands={bands}; 40 and 5 go together"
            )


def _stage(
    before: int, after: int, count: int, *, step: int, spread: int, groups: int, dropout: float
) -> nn.ModuleList:
    """Blocks of one width, the first of which comes to it and takes the step."""
    shapes = [(before, step), *[(after, 1)] * (count - 1)]
    return nn.ModuleList(
        BroadcastedBlock(inputs, after, step=steps, spread=spread, groups=groups, dropout=dropout)
        for inputs, steps in shapes
    )
