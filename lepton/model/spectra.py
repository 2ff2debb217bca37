"""ScaledSpectrum: what networks on spectra of sounds begin with; and masks over their time."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from lepton.model.token_features import Tokens
from lepton.spec import DataSpec

if TYPE_CHECKING:
    from lepton.audio.log_mel import LogMel

Batch = dict[str, Tensor]
# stripes of a training batch that a method hides, each its begin and end as shares of all bands and
# of a row's own frames; shapes (B, stripes, 2)
HIDDEN_BANDS, HIDDEN_TIMES = "hidden_bands", "hidden_times"


class ScaledSpectrum(nn.Module):
    """The log-mel of sounds, with mean 0 and deviation 1 as over the training sounds.

    Zero behind a sound's own frames, of which it tells the number.
    Shapes: audio (B, T) int16 or log_mel (B, T, bands), with audio_length (B,)
        -> (B, frames, bands) and (B,).
    """

    mean: Tensor
    std: Tensor

    def __init__(self, *, spec: DataSpec, spectrum: "LogMel"):
        super().__init__()
        fields = spec.inputs["audio"]
        self.log_mel = spectrum.at(fields["rate"])
        self.bands = self.log_mel.bands
        for name in ("mean", "std"):
            self.register_buffer(name, torch.tensor(fields[name], dtype=torch.float32))

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor]:
        frames = batch["audio_length"]
        if "log_mel" in batch:
            values = batch["log_mel"]
        else:
            values, frames = self.log_mel(batch["audio"]), self.log_mel.frames(frames)
        values = (values.to(self.mean.dtype) - self.mean) / self.std
        shown = steps_mask(frames, values.shape[1])[..., None]
        if HIDDEN_TIMES in batch:
            shown = shown & ~_hidden(batch[HIDDEN_TIMES], frames, values.shape[1])[..., None]
            shown = shown & ~_hidden(batch[HIDDEN_BANDS], self.bands, self.bands)[:, None]
        return values * shown.to(values.dtype), frames


def _hidden(stripes: Tensor, lengths: Tensor | int, width: int) -> Tensor:
    """True at places whose middle lies in a stripe. Shapes: (B, stripes, 2), (B,) -> (B, width)."""
    middles = torch.arange(width, device=stripes.device) + 0.5
    begin, end = (
        stripes * torch.as_tensor(lengths, device=stripes.device).reshape(-1, 1, 1)
    ).unbind(-1)
    return ((middles >= begin[..., None]) & (middles < end[..., None])).any(1)


def steps_mask(lengths: Tensor, width: int) -> Tensor:
    """True on a row's own steps. Shapes: lengths (B,) -> (B, width)."""
    return torch.arange(width, device=lengths.device) < lengths[:, None]


def halved(lengths: Tensor) -> Tensor:
    """The steps that are left of each row where every second stays, the first among them."""
    return (lengths + 1) // 2


def mask_time(values: Tensor, lengths: Tensor) -> Tensor:
    """The values, zero behind a row's own steps. Shapes: values (B, C, T, F), lengths (B,)."""
    return values * steps_mask(lengths, values.shape[2]).to(values.dtype)[:, None, :, None]


def tokens_of_time(values: Tensor, lengths: Tensor) -> Tokens:
    """A token for each step, the mean over all bands. Shapes: values (B, C, T, F), lengths (B,)."""
    return Tokens(values.mean(3).mT, steps_mask(lengths, values.shape[2]))


def mean_over_time(values: Tensor, lengths: Tensor) -> Tensor:
    """The mean over a row's own steps and all bands, where zeros stand behind them.

    Shapes: values (B, C, T, F), lengths (B,) -> (B, C).
    """
    return values.mean(3).sum(2) / lengths.clamp(min=1).to(values.dtype)[:, None]
