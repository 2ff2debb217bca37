"""SpecAugment: bands and times of a spectrum that are hidden."""

import torch
from torch import Tensor, nn

from lepton.augmentation.machinery.input_augmentation import InputAugmentation
from lepton.errors import ConfigError
from lepton.method import Batch
from lepton.model.spectra import HIDDEN_BANDS, HIDDEN_TIMES, ScaledSpectrum
from lepton.randomness.draw import Draw
from lepton.spec import DataSpec
from lepton.values.bounds import AtLeast0, From0To1


class SpecAugment(InputAugmentation):
    """Hides some stripes of the log-mel behind its mean, along the bands and along the time.

    Units: bands and time are the most that one stripe hides, shares of all bands and of a sound's
        own length.
    Source: Park et al. 2019, https://arxiv.org/abs/1904.08779, sections 2 and 3; there 27 of 80
        bands, and without the warps in time, which it finds to matter least
    """

    replayable = True
    stackable = ("bands", "time")
    changes_inputs = ("audio",)

    def __init__(
        self, *, band_stripes: AtLeast0, bands: From0To1, time_stripes: AtLeast0, time: From0To1
    ):
        self.band_stripes, self.bands = band_stripes, bands
        self.time_stripes, self.time = time_stripes, time

    def prepare(self, model: nn.Module, spec: DataSpec) -> nn.Module:
        if not any(isinstance(module, ScaledSpectrum) for module in model.modules()):
            raise ConfigError(
                "augmentation.spec_augment, model: this model makes no spectrum of lepton's, which "
                "is what is hidden; take model=audio_cnn, bc_resnet or audio_transformer"
            )
        return model

    def change(self, batch: Batch, draw: Draw) -> Batch:
        own = draw.each(batch["id"])
        bands = _stripes(own.uniform((self.band_stripes, 2)), self.bands)
        times = _stripes(own.uniform((self.time_stripes, 2)), self.time)
        return batch | {HIDDEN_BANDS: bands, HIDDEN_TIMES: times}


def _stripes(chances: Tensor, most: Tensor | float) -> Tensor:
    """Begin and end of stripes of a random width at a random place, from 0 to 1.

    Shapes: (B, stripes, 2) -> (B, stripes, 2).
    """
    width = most * chances[..., :1]
    begin = (1 - width) * chances[..., 1:]
    return torch.cat([begin, begin + width], -1).to(chances.dtype)
