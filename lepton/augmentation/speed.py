"""Speed: sounds played faster or slower."""

import torch

from lepton.augmentation.machinery.input_augmentation import InputAugmentation
from lepton.augmentation.machinery.waveforms import as_audio, waveforms
from lepton.method import Batch
from lepton.randomness.draw import Draw
from lepton.values.bounds import From0Below1


class Speed(InputAugmentation):
    """Plays each sound at a random speed, by which its length and its pitch change.

    Between samples values are interpolated linearly. A sound that gets longer than the longest of
    training is cut to that.
    Source: Ko et al. 2015, https://www.isca-archive.org/interspeech_2015/ko15_interspeech.html,
        which has the speeds 0.9, 1 and 1.1
    """

    replayable = True
    stackable = ("change_of_speed",)
    changes_inputs = ("audio",)
    changes_waveforms = True

    def __init__(self, *, change_of_speed: From0Below1):
        self.change_of_speed = change_of_speed

    def change(self, batch: Batch, draw: Draw) -> Batch:
        samples, lengths = waveforms(batch), batch["audio_length"][:, None]
        width = samples.shape[1]
        speed = 1 + self.change_of_speed * (2 * draw.each(batch["id"]).uniform((1,)) - 1)
        length = (lengths / speed).floor().long().clamp(1, width)
        places = torch.arange(width, device=samples.device)
        at = (places * speed).minimum((lengths - 1).to(speed.dtype))
        before = at.floor().long()
        after = (before + 1).minimum(lengths - 1)
        rest = at - before
        played = samples.gather(1, before) * (1 - rest) + samples.gather(1, after) * rest
        audio = as_audio(played * (places < length))
        return batch | {"audio": audio, "audio_length": length[:, 0]}
