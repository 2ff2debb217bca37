"""AudioTransformer: a transformer whose tokens are patches of a spectrum."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from lepton.errors import ConfigError
from lepton.model.attention_block import AttentionBlock
from lepton.model.spectra import Batch, ScaledSpectrum, steps_mask
from lepton.model.text_inputs import masked_mean
from lepton.model.token_features import Tokens
from lepton.spec import DataSpec
from lepton.values.bounds import AtLeast1, From0Below1

if TYPE_CHECKING:
    from lepton.audio.log_mel import LogMel

LONGEST_WAVE = 10_000  # of what tells places in time apart, as Vaswani et al. have it
GROWTH = 4  # of the width inside a block


class AudioTransformer(nn.Module):
    """Patches of frames and bands, their places, blocks of attention; the mean of own patches.

    Places in time are waves, so that a sound may be longer than any before; those in pitch are
    learned.
    Shapes: audio (B, T) or log_mel (B, T, bands), audio_length (B,) -> (B, outputs).
    Source: after Gong et al. 2021, https://arxiv.org/abs/2104.01778
    Raises: ConfigError when `heads` does not divide `width`, or the patch is larger than the bands.
    """

    reads = ("audio",)

    def __init__(
        self,
        *,
        spec: DataSpec,
        spectrum: "LogMel",
        width: AtLeast1,
        blocks: AtLeast1,
        heads: AtLeast1,
        patch_frames: AtLeast1,
        patch_bands: AtLeast1,
        dropout: From0Below1,
    ):
        super().__init__()
        if width % (2 * heads):
            raise ConfigError(f"model.width: {width} is no multiple of twice model.heads={heads}")
        self.spectrum = ScaledSpectrum(spec=spec, spectrum=spectrum)
        if patch_bands > self.spectrum.bands:
            raise ConfigError(
                f"model.patch_bands: {patch_bands} of the {self.spectrum.bands} bands that there "
                "are (model.spectrum.bands)"
            )
        self.patch_frames, self.rows = patch_frames, self.spectrum.bands // patch_bands
        patch = (patch_frames, patch_bands)
        self.patches = nn.Conv2d(1, width, patch, stride=patch)
        self.pitch = nn.Parameter(torch.randn(self.rows, width) * 0.02)
        self.blocks = nn.ModuleList(
            AttentionBlock(width, heads, growth=GROWTH, dropout=dropout) for _ in range(blocks)
        )
        self.normalize = nn.LayerNorm(width)
        self.head = nn.Linear(width, spec.outputs)

    def layers(self) -> list[str]:
        blocks = [f"blocks.{i}" for i in range(len(self.blocks))]
        blocks[-1] += "+normalize"
        return ["patches+pitch", *blocks, "head"]

    def residual_branches(self) -> list[list[str]]:
        return [[f"blocks.{i}.dropout"] for i in range(len(self.blocks))]

    def features(self, batch: Batch) -> Tensor:
        return masked_mean(*self._patches(batch))

    def token_features(self, batch: Batch) -> Tokens:
        return Tokens(*self._patches(batch))

    def _patches(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """The features of all patches, in the order of time, and which of them are a row's own."""
        frames, lengths = self.spectrum(batch)
        count = -(-frames.shape[1] // self.patch_frames)
        missing = count * self.patch_frames - frames.shape[1]
        padded = nn.functional.pad(frames, (0, 0, 0, missing))[:, None]
        tokens = self.patches(padded).permute(0, 2, 3, 1)  # (B, count, rows, width)
        places = _waves(count, tokens.shape[3], tokens)[:, None]
        tokens = (tokens + self.pitch + places).flatten(1, 2)
        own = (lengths + self.patch_frames - 1) // self.patch_frames
        mask = steps_mask(own * self.rows, tokens.shape[1])
        for block in self.blocks:
            tokens = block(tokens, mask)
        return self.normalize(tokens), mask

    def forward(self, batch: Batch) -> Tensor:
        return self.head(self.features(batch))


def _waves(count: int, width: int, like: Tensor) -> Tensor:
    """Sines and cosines of places in time. Shapes: -> (count, width)."""
    place = torch.arange(count, device=like.device, dtype=like.dtype)[:, None]
    slow = torch.arange(width // 2, device=like.device, dtype=like.dtype) * (2 / width)
    angles = place * LONGEST_WAVE**-slow
    return torch.cat([angles.sin(), angles.cos()], 1)
