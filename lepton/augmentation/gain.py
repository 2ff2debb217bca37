"""Gain: sounds louder or softer."""

from lepton.augmentation.machinery.input_augmentation import InputAugmentation
from lepton.augmentation.machinery.waveforms import as_audio, as_factor, waveforms
from lepton.method import Batch
from lepton.randomness.draw import Draw
from lepton.values.bounds import NotBelow0


class Gain(InputAugmentation):
    """Multiplies the samples of each sound by a random factor; what gets too loud is cut.

    Source: Ko et al. 2017, https://doi.org/10.1109/ICASSP.2017.7953152, section 3, by volume
    """

    replayable = True
    stackable = ("decibels",)
    changes_inputs = ("audio",)
    changes_waveforms = True

    def __init__(self, *, decibels: NotBelow0):
        self.decibels = decibels

    def change(self, batch: Batch, draw: Draw) -> Batch:
        level = self.decibels * (2 * draw.each(batch["id"]).uniform((1,)) - 1)
        return batch | {"audio": as_audio(waveforms(batch) * as_factor(level))}
