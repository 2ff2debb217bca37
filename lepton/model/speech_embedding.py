"""SpeechEmbedding: Google's small speech embedding, pretrained, under a linear head."""

from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu, max_pool2d

from lepton.audio.speech_mel import HOP, RATE, SIZE, SpeechMel
from lepton.audio.waves import as_waves
from lepton.errors import ConfigError
from lepton.model.shared_encoder import shared_encoder
from lepton.model.spectra import Batch, steps_mask
from lepton.model.text_inputs import make_head
from lepton.model.token_features import Tokens
from lepton.model.weights_file import write_architecture
from lepton.pretrained.location import loading_problem, local_file
from lepton.pretrained.onnx_weights import onnx_weights
from lepton.spec import DataSpec
from lepton.values.bounds import From0Below1, NotBelow0

WIDTHS = (24, 48, 72, 96, 96)  # of the blocks
POOLS = ((2, 2), (1, 2), (2, 2), (1, 2), (2, 2))  # in time and in bands, behind each of them
SLOPE, LEAST = 0.2, -0.4  # of what an activation lets through below zero
WINDOW, STEP = 76, 8  # frames that an embedding hears, and from one to the next
LEAST_SAMPLES = (WINDOW - 1) * HOP + SIZE  # of a sound; shorter ones are followed by silence
NAMES = "model/conv2d{}/Conv2D_weights_fused_bn", "model/conv2d{}/Conv2D_bias_fused_bn"
LAST_NAME = "model/conv2d_19/Conv2D/ReadVariableOp:0"


class SpeechEmbedding(nn.Module):
    """An embedding of each 0.78 seconds, 80 milliseconds apart, pooled; dropout and a linear head.

    Shapes: audio (B, T) int16, audio_length (B,) -> (B, outputs).
    Source: Lin et al. 2020, https://arxiv.org/abs/2002.01322; weights as openWakeWord has them
    Raises: ConfigError for sounds of another rate, and where there are no such weights.
    """

    reads = ("audio",)

    def __init__(
        self,
        *,
        spec: DataSpec,
        path: str | None,
        pretrained: bool,
        pooling: Literal["mean", "max", "mean_max"],
        silence: NotBelow0,
        dropout: From0Below1,
    ):
        super().__init__()
        if (rate := spec.inputs["audio"]["rate"]) != RATE:
            raise ConfigError(
                f"model: speech embeddings hear {RATE} Hz, and these sounds have {rate}; give "
                f"dataset.rate={RATE}"
            )
        if pretrained and path is None:
            raise ConfigError("model.pretrained=true: needs model.path, where the weights lie")
        self.pretrained, self.pooling = pretrained, pooling  # there is something to tune
        self.silence = round(silence * RATE)
        self.mel = SpeechMel()
        # what building draws does not reach the head, which is the same on a shared encoder
        with torch.random.fork_rng(enabled=pretrained):
            key = ("speech_embedding", path) if pretrained else None
            self.encoder = shared_encoder(key, lambda: _encoder(path if pretrained else None))
        self.token_width = WIDTHS[-1]
        width = WIDTHS[-1] * (2 if pooling == "mean_max" else 1)
        self.head = make_head(width, spec.outputs, dropout)

    def layers(self) -> list[str]:
        return [*(f"encoder.blocks.{i}" for i in range(len(WIDTHS))), "encoder.last", "head"]

    def in_parts(self, batch: Batch) -> Batch:
        """The batch with what the encoder hears in place of waveforms, as inputs are explained."""
        audio, samples = self._with_silence(
            as_waves(batch["audio"], torch.get_default_dtype()), batch["audio_length"]
        )
        others = {name: values for name, values in batch.items() if name != "audio"}
        return {**others, "log_mel": self.mel(audio, samples), "audio_length": samples}

    def features(self, batch: Batch) -> Tensor:
        embeddings, windows = self._windows(batch)
        is_own = steps_mask(windows, embeddings.shape[1])[..., None]
        own = embeddings.masked_fill(~is_own, 0)
        mean = own.sum(1) / windows.to(own.dtype)[:, None]
        largest = embeddings.masked_fill(~is_own, -torch.inf).amax(1)
        parts = {"mean": [mean], "max": [largest], "mean_max": [mean, largest]}
        return torch.cat(parts[self.pooling], 1)

    def token_features(self, batch: Batch) -> Tokens:
        embeddings, windows = self._windows(batch)
        return Tokens(embeddings, steps_mask(windows, embeddings.shape[1]))

    def _windows(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """The embeddings of all windows, and how many a row has. Shapes: -> (B, T, width), (B,)."""
        batch = batch if "log_mel" in batch else self.in_parts(batch)
        embeddings = self.encoder(batch["log_mel"])
        return embeddings, (self.mel.frames(batch["audio_length"]) - WINDOW) // STEP + 1

    def _with_silence(self, audio: Tensor, samples: Tensor) -> tuple[Tensor, Tensor]:
        """The sounds with silence on both sides, as long as a window at least; and how long."""
        samples = (samples + 2 * self.silence).clamp(min=LEAST_SAMPLES)
        behind = max(self.silence, LEAST_SAMPLES - self.silence - audio.shape[1])
        return nn.functional.pad(audio, (self.silence, behind)), samples

    def forward(self, batch: Batch) -> Tensor:
        return self.head(self.features(batch))

    def save_architecture(self, folder: Path) -> None:
        """Writes that there is nothing else to build the network of."""
        write_architecture(folder, "speech_embedding")


class SpeechEncoder(nn.Module):
    """All below the pooling. Shapes: mel (B, frames, bands) -> (B, windows, width).

    Windows of WINDOW frames, STEP apart, are convolved as one: the pools shrink time by STEP.
    """

    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleList()
        for number, width in enumerate(WIDTHS):
            before = WIDTHS[number - 1] if number else 1
            first = (3, 3) if number == 0 else (1, 3)
            shapes = [(before, first), (width, (1, 3)), (width, (3, 1))]
            if number:
                shapes = [(before, first), (width, (3, 1)), (width, (1, 3)), (width, (3, 1))]
            self.blocks.append(
                nn.ModuleList(
                    nn.Conv2d(inputs, width, window, padding=(0, window[1] // 2))
                    for inputs, window in shapes
                )
            )
        self.last = nn.Conv2d(WIDTHS[-1], WIDTHS[-1], (3, 1), bias=False)

    def forward(self, mel: Tensor) -> Tensor:
        values = mel[:, None]
        for block, pool in zip(self.blocks, POOLS, strict=True):
            for convolution in block:  # type: ignore[attr-defined]
                values = leaky_relu(convolution(values), SLOPE).clamp(min=LEAST)
            values = max_pool2d(values, pool)
        return self.last(values)[..., 0].mT

    def convolutions(self) -> list[nn.Conv2d]:
        """All, in the order in which they are called."""
        return [module for module in self.modules() if isinstance(module, nn.Conv2d)]


def _encoder(path: str | None) -> SpeechEncoder:
    """The encoder with the weights of a file of ONNX; None: with random ones.

    Raises: ConfigError for the weights of another network.
    """
    encoder = SpeechEncoder()
    if path is None:
        return encoder
    if (file := local_file(path)) is None:
        problem = loading_problem(path, weights=True)
        raise ConfigError(f"model.path: {path!r}: {problem or 'no such file'}")
    weights, state = onnx_weights(file), {}
    for number, convolution in enumerate(encoder.convolutions()):
        suffix = f"_{number}" if number else ""
        names = [LAST_NAME] if convolution is encoder.last else [n.format(suffix) for n in NAMES]
        for name, parameter in zip(names, convolution.parameters(), strict=True):
            values = weights.get(name)
            if values is None or values.shape != tuple(parameter.shape):
                raise ConfigError(f"model.path: {path!r}: holds no {name} of a speech embedding")
            state[id(parameter)] = torch.from_numpy(values)
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter.copy_(state[id(parameter)])
    return encoder
