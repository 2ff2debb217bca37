"""Noise: white noise under sounds, by their own loudness."""

from lepton.augmentation.machinery.input_augmentation import InputAugmentation
from lepton.augmentation.machinery.waveforms import (
    as_audio,
    as_factor,
    loudness,
    own_steps,
    waveforms,
)
from lepton.errors import ConfigError
from lepton.method import Batch
from lepton.randomness.draw import Draw


class Noise(InputAugmentation):
    """Adds noise that a sound is louder than by a random ratio of power, from `low` to `high`.

    Units: low and high decibels.
    Source: Snyder et al. 2018, https://www.danielpovey.com/files/2018_icassp_xvectors.pdf, section
        3.3, for the ratios; there the noise is recorded
    """

    replayable = True
    stackable = ("low", "high")
    changes_inputs = ("audio",)
    changes_waveforms = True

    def __init__(self, *, low: float, high: float):
        if low > high:
            raise ConfigError(
                f"augmentation.noise.low: {low} is above augmentation.noise.high={high}"
            )
        self.low, self.high = low, high

    def change(self, batch: Batch, draw: Draw) -> Batch:
        own, samples = draw.each(batch["id"]), waveforms(batch)
        ratio = self.low + (self.high - self.low) * own.uniform((1,))
        loud = loudness(samples, batch["audio_length"]) * as_factor(-ratio)
        noise = loud * own.normal(samples.shape[1:])
        return batch | {"audio": as_audio((samples + noise) * own_steps(batch))}
