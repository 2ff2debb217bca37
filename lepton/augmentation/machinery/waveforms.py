"""Sounds of a batch as waveforms, and back."""

import torch
from torch import Tensor

from lepton.audio.decoding import LEVELS
from lepton.method import Batch
from lepton.randomness.draw import at_least_32_bits


def waveforms(batch: Batch) -> Tensor:
    """The samples of all sounds, from -1 to 1. Shapes: -> (B, T)."""
    return batch["audio"].to(at_least_32_bits()) / LEVELS


def as_audio(samples: Tensor) -> Tensor:
    """Samples as a recording of 16 bits has them, cut where they are too loud for it."""
    return (samples * LEVELS).round().clamp(-LEVELS, LEVELS - 1).to(torch.int16)


def own_steps(batch: Batch) -> Tensor:
    """True on the samples of a row's own. Shapes: -> (B, T)."""
    audio = batch["audio"]
    return torch.arange(audio.shape[1], device=audio.device) < batch["audio_length"][:, None]


def loudness(samples: Tensor, lengths: Tensor) -> Tensor:
    """The root of the mean square of each sound. Shapes: (B, T), (B,) -> (B, 1)."""
    return (samples.square().sum(1) / lengths.to(samples.dtype)).sqrt()[:, None]


def as_factor(decibels: Tensor) -> Tensor:
    """By what samples are multiplied to be so many decibels louder."""
    return 10 ** (decibels / 20)
