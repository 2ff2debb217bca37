"""AudioEncoder: an audio encoder of the package transformers under a linear head."""

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from lepton.audio.kaldi import KaldiSpectrum
from lepton.audio.waves import as_waves
from lepton.errors import ConfigError
from lepton.model.encoder import (
    checkpoint_activations,
    explain_transformers_errors,
    load_any,
)
from lepton.model.encoder_layers import encoder_layers
from lepton.model.residual import encoder_branches
from lepton.model.shared_encoder import shared_encoder
from lepton.model.spectra import Batch, steps_mask
from lepton.model.text_inputs import make_head, masked_mean
from lepton.model.token_features import Tokens
from lepton.spec import DataSpec
from lepton.values.bounds import Above0, AtLeast1, From0Below1

# what such encoders draw by themselves in training, which would not be drawn again after a stop
QUIET = {"apply_spec_augment": False, "mask_time_prob": 0.0, "mask_feature_prob": 0.0}
QUIET |= {"layerdrop": 0.0}
SUMMARIES = 2  # tokens of an encoder of patches that stand for the whole, before those of patches
EPSILON = 1e-7  # beside the variance of a sound, as the feature extractors have it


class AudioEncoder(nn.Module):
    """An encoder by folder or name, the mean of its answers over a sound, and a linear head.

    One of waveforms, as wav2vec 2.0 and HuBERT, or of patches of a spectrum, as AST.
    Shapes: audio (B, T) int16, audio_length (B,) -> (B, outputs).
    Raises: ConfigError for an encoder that reads neither, and for sounds of another rate; DataError
        where nothing can be loaded.
    """

    reads = ("audio",)

    def __init__(
        self,
        *,
        spec: DataSpec,
        path: str | None,
        pretrained: bool,
        architecture: dict,
        rate: AtLeast1,
        normalize: bool,
        mean: float,
        std: Above0,
        dropout: From0Below1,
        gradient_checkpointing: bool,
    ):
        super().__init__()
        if (own_rate := spec.inputs["audio"]["rate"]) != rate:
            raise ConfigError(
                f"model.rate: it hears {rate} Hz, and these sounds have {own_rate}; give "
                f"dataset.rate={rate}"
            )
        # what loading draws does not reach the head, which is the same on a shared encoder
        key = (path, json.dumps(architecture, sort_keys=True), gradient_checkpointing)
        with explain_transformers_errors(path), torch.random.fork_rng(enabled=pretrained):
            self.encoder = shared_encoder(
                key if pretrained else None,
                lambda: load_any(path, pretrained, QUIET | architecture, {}).float().train(),
            )
        self.pretrained = pretrained  # there is something to tune
        self.reader: WaveReader | PatchReader = _reader(
            self.encoder, path, rate=rate, normalize=normalize, mean=mean, std=std
        )
        self.head = make_head(self.encoder.config.hidden_size, spec.outputs, dropout)
        if gradient_checkpointing:
            checkpoint_activations(self.encoder)

    def layers(self) -> list[str]:
        return [*encoder_layers(self, "encoder"), "head"]

    def residual_branches(self) -> list[list[str]]:
        return encoder_branches(self, "encoder")

    def features(self, batch: Batch) -> Tensor:
        dtype = next(self.encoder.parameters()).dtype
        return self.reader(self.encoder, as_waves(batch["audio"], dtype), batch["audio_length"])

    def token_features(self, batch: Batch) -> Tokens:
        dtype = next(self.encoder.parameters()).dtype
        waves = as_waves(batch["audio"], dtype)
        return self.reader.tokens(self.encoder, waves, batch["audio_length"])

    def forward(self, batch: Batch) -> Tensor:
        return self.head(self.features(batch))

    def save_architecture(self, folder: Path) -> None:
        """Writes what builds the encoder again without its weights."""
        self.encoder.config.save_pretrained(folder)


class WaveReader(nn.Module):
    """Asks an encoder of waveforms, and takes the mean of what it says to a sound's own steps."""

    def __init__(self, config: Any, *, normalize: bool):
        super().__init__()
        self.normalize, self.least_samples = normalize, 1
        for kernel, stride in zip(config.conv_kernel[::-1], config.conv_stride[::-1], strict=True):
            self.least_samples = (self.least_samples - 1) * stride + kernel
        # its first layer normalizes each filter over a whole sound, silence behind it included
        self.needs_equal_lengths = getattr(config, "feat_extract_norm", "layer") == "group"

    def forward(self, encoder: Any, waves: Tensor, lengths: Tensor) -> Tensor:
        """Shapes: waves (B, T), lengths (B,) -> (B, width)."""
        waves, lengths = self._heard(waves, lengths)
        if not self.needs_equal_lengths:
            return masked_mean(*self._steps(encoder, waves, lengths))
        features = waves.new_zeros(len(waves), encoder.config.hidden_size)
        for length in lengths.unique().tolist():
            place = (lengths == length).nonzero()[:, 0]
            answers = masked_mean(*self._steps(encoder, waves[place, :length], lengths[place]))
            features = features.index_copy(0, place, answers.to(features.dtype))
        return features

    def tokens(self, encoder: Any, waves: Tensor, lengths: Tensor) -> Tokens:
        """What it says to each step. Shapes: -> (B, steps, width) and a mask (B, steps)."""
        waves, lengths = self._heard(waves, lengths)
        if not self.needs_equal_lengths:
            return Tokens(*self._steps(encoder, waves, lengths))
        parts, places = [], []
        for length in lengths.unique().tolist():  # shortest first
            place = (lengths == length).nonzero()[:, 0]
            parts.append(self._steps(encoder, waves[place, :length], lengths[place]))
            places.append(place)
        longest = parts[-1][0].shape[1]
        order = torch.cat(places).argsort()
        hidden = [pad(values, (0, 0, 0, longest - values.shape[1])) for values, _ in parts]
        masks = [pad(mask, (0, longest - mask.shape[1])) for _, mask in parts]
        return Tokens(torch.cat(hidden)[order], torch.cat(masks)[order])

    def _heard(self, waves: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """The sounds as the encoder hears them, long enough for a step."""
        waves = pad(waves, (0, max(0, self.least_samples - waves.shape[1])))
        if self.normalize:
            waves = _normalized(waves, lengths)
        return waves, lengths.clamp(min=self.least_samples)

    def _steps(self, encoder: Any, waves: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """The answers for all steps, and which are a sound's own."""
        mask = steps_mask(lengths, waves.shape[1])
        given = None if self.needs_equal_lengths else mask.long()
        hidden = encoder(waves, attention_mask=given, return_dict=True).last_hidden_state
        from lepton.compat.transformers import answer_lengths

        count = answer_lengths(encoder)
        assert count is not None
        return hidden, steps_mask(count(lengths), hidden.shape[1])


class PatchReader(nn.Module):
    """Asks an encoder of a spectrum of fixed length: what is longer is cut, silence is added."""

    def __init__(self, config: Any, *, rate: int, mean: float, std: float):
        super().__init__()
        self.spectrum = KaldiSpectrum(bands=config.num_mel_bins, rate=rate)
        self.frames, self.mean, self.std = config.max_length, mean, std

    def forward(self, encoder: Any, waves: Tensor, lengths: Tensor) -> Tensor:
        """Shapes: waves (B, T), lengths (B,) -> (B, width)."""
        return self._answer(encoder, waves, lengths).pooler_output

    def tokens(self, encoder: Any, waves: Tensor, lengths: Tensor) -> Tokens:
        """What it says to the patches of each time, averaged over the bands.

        Shapes: -> (B, times, width).
        """
        hidden, config = self._answer(encoder, waves, lengths).last_hidden_state, encoder.config
        rows = (config.num_mel_bins - config.patch_size) // config.frequency_stride + 1
        return Tokens(hidden[:, SUMMARIES:].unflatten(1, (rows, -1)).mean(1))

    def _answer(self, encoder: Any, waves: Tensor, lengths: Tensor) -> Any:
        values = self.spectrum(waves)[:, : self.frames]
        mask = steps_mask(self.spectrum.frames(lengths), values.shape[1])[..., None]
        values = values.masked_fill(~mask, 0.0)
        values = pad(values, (0, 0, 0, self.frames - values.shape[1]))
        return encoder((values - self.mean) / (2 * self.std), return_dict=True)


def _reader(
    encoder: Any, path: str | None, *, rate: int, normalize: bool, mean: float, std: float
) -> "WaveReader | PatchReader":
    """What asks an encoder of this kind. Raises: ConfigError for one of another kind."""
    from lepton.compat.transformers import answer_lengths

    config = encoder.config
    if answer_lengths(encoder) is not None:
        return WaveReader(config, normalize=normalize)
    if config.model_type == "audio-spectrogram-transformer":
        return PatchReader(config, rate=rate, mean=mean, std=std)
    option = f"model.path: {path!r}" if path else "model.architecture"
    raise ConfigError(
        f"{option}: a {config.model_type} reads neither waveforms nor patches of a spectrum, as "
        "wav2vec2, hubert and audio-spectrogram-transformer do"
    )


def _normalized(waves: Tensor, lengths: Tensor) -> Tensor:
    """Each sound with mean 0 and variance 1, and zeros behind it. Shapes: (B, T), (B,)."""
    mask = steps_mask(lengths, waves.shape[1])
    count = lengths.to(waves.dtype)[:, None]
    centred = (waves - (waves * mask).sum(1, keepdim=True) / count) * mask
    variance = centred.square().sum(1, keepdim=True) / count
    return centred / (variance + EPSILON).sqrt()
