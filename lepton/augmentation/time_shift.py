"""TimeShift: sounds that begin earlier or later."""

import torch
from torch import nn

from lepton.augmentation.machinery.input_augmentation import InputAugmentation
from lepton.augmentation.machinery.waveforms import as_audio, waveforms
from lepton.method import Batch
from lepton.randomness.draw import Draw
from lepton.spec import DataSpec
from lepton.values.bounds import NotBelow0


class TimeShift(InputAugmentation):
    """Moves a sound within its length; silence comes in, and what goes over the end is lost.

    Source: Warden 2018, https://arxiv.org/abs/1804.03209, section 6
    """

    replayable = True
    stackable = ("milliseconds",)
    changes_inputs = ("audio",)
    changes_waveforms = True

    def __init__(self, *, milliseconds: NotBelow0):
        self.milliseconds = milliseconds

    def prepare(self, model: nn.Module, spec: DataSpec) -> nn.Module:
        self.rate = spec.inputs["audio"]["rate"]
        return model

    def change(self, batch: Batch, draw: Draw) -> Batch:
        samples, lengths = waveforms(batch), batch["audio_length"][:, None]
        most = self.milliseconds / 1000 * self.rate
        shift = ((2 * draw.each(batch["id"]).uniform((1,)) - 1) * most).round().long()
        source = torch.arange(samples.shape[1], device=samples.device) - shift
        is_inside = (source >= 0) & (source < lengths) & (source + shift < lengths)
        moved = samples.gather(1, source.clamp(0, samples.shape[1] - 1)) * is_inside
        return batch | {"audio": as_audio(moved)}
