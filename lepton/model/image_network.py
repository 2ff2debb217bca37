"""ImageNetwork: the base of networks of an image encoder under a linear head."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor, nn

from lepton.errors import ConfigError
from lepton.model.encoder import explain_transformers_errors
from lepton.model.encoder_layers import encoder_layers
from lepton.model.pixels import Pixels, Scaling
from lepton.model.residual import encoder_branches
from lepton.model.text_inputs import make_head
from lepton.model.token_features import Tokens
from lepton.spec import DataSpec

if TYPE_CHECKING:
    from transformers.utils.generic import ModelOutput

ImagePooling = Literal["cls", "mean"]
TENSORFLOW_MOMENTUM = 0.5  # above it, what is meant is the share that stays, and not the new one


class ImageNetwork(nn.Module):
    """Pixels scaled, an encoder, its answers as one vector, dropout and a linear head.

    A derived class says how the encoder is asked, in `encode` and `encode_places`.
    Shapes: image (B, C, H, W) uint8 -> (B, outputs).
    Raises: ConfigError for images that are too small for the encoder, or not of its channels.
    """

    reads = ("image",)

    def __init__(
        self,
        *,
        spec: DataSpec,
        encoder: nn.Module,
        dropout: float,
        scaling: Scaling | None = None,
        channels: int | None = None,
    ):
        super().__init__()
        self.pixels = Pixels(spec=spec, scaling=scaling, channels=channels)
        self.encoder: Any = encoder
        self.head = make_head(self._width(spec), spec.outputs, dropout)

    def encode(self, values: Tensor) -> Tensor:
        """The encoder's answer for scaled pixels. Shapes: (B, C, H, W) -> (B, width)."""
        return self.encoder(values)

    def encode_places(self, values: Tensor) -> Tensor:
        """The encoder's answers before they are pooled. Shapes: -> a map, or those of tokens."""
        return self.encoder.places(values)

    def layers(self) -> list[str]:
        return [*encoder_layers(self, "encoder"), "head"]

    def residual_branches(self) -> list[list[str]]:
        return encoder_branches(self, "encoder")

    def features(self, batch: dict[str, Tensor]) -> Tensor:
        return self.encode(_channels_last(self.pixels(batch["image"])))

    def token_features(self, batch: dict[str, Tensor]) -> Tokens:
        return Tokens(self.encode_places(_channels_last(self.pixels(batch["image"]))))

    def forward(self, batch: dict[str, Tensor]) -> Tensor:
        return self.head(self.features(batch))

    @torch.no_grad()
    def _width(self, spec: DataSpec) -> int:
        """The width of the features, of an image without content."""
        fields = spec.inputs["image"]
        sides = [fields["height"], fields["width"]]
        dtype = next(self.encoder.parameters()).dtype
        training = self.encoder.training
        try:
            image = torch.zeros(1, self.pixels.channels, *sides, dtype=dtype)
            features = self.eval().encode(image)
        except (RuntimeError, ValueError, IndexError, TypeError) as e:
            reason = " ".join(str(e).split())[:200]
            raise ConfigError(
                f"model: {type(self).__name__} cannot read images of {sides[0]} x {sides[1]} "
                f"({reason}); give another dataset.size"
            ) from e
        self.train(training)
        return features.shape[1]


def _channels_last(values: Tensor) -> Tensor:
    """The same, a pixel's channels side by side in memory, which convolutions read sooner.

    By a permutation, which vmap knows.
    """
    return values.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)


def build_encoder(model_type: str, *, attention: str | None = None, **sizes: Any) -> Any:
    """An encoder of the package transformers with random weights.

    `attention`: how it computes attention, as the package calls it; None: as the package chooses.
    Raises: DataError for sizes that it refuses; LeptonError without the package.
    """
    with explain_transformers_errors(None):
        from transformers import AutoConfig, AutoModel

        config = AutoConfig.for_model(model_type, **sizes)
        encoder = AutoModel.from_config(config, attn_implementation=attention)
        return plain_encoder(encoder)


def plain_encoder(encoder: Any) -> Any:
    """The encoder without a pooler that has learned another task, with statistics that follow it.

    What pools without parameters, as by a mean, is a part of the encoder.
    """
    pooler = getattr(encoder, "pooler", None)
    if pooler is not None and any(True for _ in pooler.parameters()):
        encoder.add_module("pooler", None)
    for module in encoder.modules():
        if isinstance(module, nn.BatchNorm2d) and (module.momentum or 0) > TENSORFLOW_MOMENTUM:
            module.momentum = 1 - (module.momentum or 0)  # as the papers' code means it
    return encoder.float().train()


def pooled(output: "ModelOutput", pooling: ImagePooling | None) -> Tensor:
    """One vector an image, of what an encoder of transformers gives.

    It is what its own pooler makes, else the mean over all places of a grid, else the first token;
    or as `pooling` says. Shapes: -> (B, width).
    """
    own: Tensor | None = getattr(output, "pooler_output", None)
    if pooling is None and own is not None:
        return own.flatten(1)
    hidden: Tensor = output.last_hidden_state  # pyright: ignore[reportAttributeAccessIssue]
    if hidden.ndim == 4:
        return hidden.mean((2, 3))
    return hidden.mean(1) if pooling == "mean" else hidden[:, 0]


def unpooled(output: "ModelOutput", encoder: nn.Module, sides: Sequence[int]) -> Tensor:
    """The answers for all places of an image, as a map where the encoder has a grid of patches.

    Tokens before those of patches, that stand for no place, are left out. A map is normalized where
    the encoder normalizes the mean of it.
    Shapes: -> (B, width, H, W), else (B, T, width).
    """
    hidden: Tensor = output.last_hidden_state  # pyright: ignore[reportAttributeAccessIssue]
    if hidden.ndim == 4:
        norm = getattr(encoder, "layernorm", None)
        return hidden if norm is None else norm(hidden.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
    patch = getattr(getattr(encoder, "config", None), "patch_size", None)
    if isinstance(patch, int):
        rows, columns = (side // patch for side in sides)
        if (first := hidden.shape[1] - rows * columns) >= 0:
            return hidden[:, first:].mT.unflatten(2, (rows, columns))
    side = math.isqrt(hidden.shape[1])
    return hidden.mT.unflatten(2, (side, side)) if side**2 == hidden.shape[1] else hidden


class Pooled(ImageNetwork):
    """An ImageNetwork whose encoder is one of transformers, and its answers pooled."""

    pooling: ImagePooling | None = None

    def ask(self, values: Tensor) -> "ModelOutput":
        """All that the encoder answers for scaled pixels."""
        return self.encoder(pixel_values=values, return_dict=True)

    def encode(self, values: Tensor) -> Tensor:
        return self.pool(self.ask(values))

    def encode_places(self, values: Tensor) -> Tensor:
        return unpooled(self.ask(values), self.encoder, values.shape[2:])

    def pool(self, output: "ModelOutput") -> Tensor:
        """One vector an image. Shapes: -> (B, width)."""
        return pooled(output, self.pooling)
