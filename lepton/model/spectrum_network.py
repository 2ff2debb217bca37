"""SpectrumNetwork: the base of networks that keep the time and the bands of a spectrum."""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from torch import Tensor, nn

from lepton.model.spectra import Batch, ScaledSpectrum, mean_over_time, tokens_of_time
from lepton.model.token_features import Tokens
from lepton.spec import DataSpec

if TYPE_CHECKING:
    from lepton.audio.log_mel import LogMel


class SpectrumNetwork(nn.Module, ABC):
    """Features of all places of a spectrum, their mean over a row's own time and all bands, a head.

    A derived class makes the head, and the `dropout` before it where it has one.
    Shapes: audio (B, T) or log_mel (B, T, bands), audio_length (B,) -> (B, outputs).
    """

    reads = ("audio",)
    head: nn.Module
    dropout: nn.Module

    def __init__(self, *, spec: DataSpec, spectrum: "LogMel"):
        super().__init__()
        self.spectrum = ScaledSpectrum(spec=spec, spectrum=spectrum)
        self.dropout = nn.Identity()

    @abstractmethod
    def places(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """The features of all places, and how many steps in time are a row's own.

        Shapes: -> (B, width, T, F) and (B,).
        """

    def features(self, batch: Batch) -> Tensor:
        return self.dropout(mean_over_time(*self.places(batch)))

    def token_features(self, batch: Batch) -> Tokens:
        values, mask = tokens_of_time(*self.places(batch))
        return Tokens(self.dropout(values), mask)

    def forward(self, batch: Batch) -> Tensor:
        return self.head(self.features(batch))
