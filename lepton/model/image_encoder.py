"""ImageEncoder: an image encoder of the package transformers under a linear head."""

import inspect
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor, nn

from lepton.errors import ConfigError
from lepton.model.encoder import (
    checkpoint_activations,
    explain_transformers_errors,
    load_any,
)
from lepton.model.image_network import Pooled, plain_encoder
from lepton.model.pixels import COLOURS, Scaling
from lepton.model.shared_encoder import shared_encoder
from lepton.pretrained.image_scaling import PROCESSOR_FILE, weights_scaling, write_scaling
from lepton.spec import DataSpec
from lepton.values.bounds import From0Below1

if TYPE_CHECKING:
    from transformers.utils.generic import ModelOutput

PIXELS, STRETCH = "pixel_values", "interpolate_pos_encoding"  # arguments of such an encoder


class ImageEncoder(Pooled):
    """An encoder by folder or name, its answers pooled, and a linear head on them.

    Places of tokens that were learned for another size of images are interpolated.
    Raises: ConfigError for an encoder that reads no images; DataError where nothing can be loaded.
    """

    def __init__(
        self,
        *,
        spec: DataSpec,
        path: str | None,
        pretrained: bool,
        architecture: dict,
        pooling: Literal["cls", "mean"] | None,
        scaling: Literal["weights", "train"] | None,
        dropout: From0Below1,
        gradient_checkpointing: bool,
    ):
        # what loading draws does not reach the head, which is the same on a shared encoder
        key = (path, json.dumps(architecture, sort_keys=True), gradient_checkpointing)
        with explain_transformers_errors(path), torch.random.fork_rng(enabled=pretrained):
            encoder = shared_encoder(
                key if pretrained else None,
                lambda: image_part(load_any(path, pretrained, architecture, _sizes(spec)), path),
            )
            own_scaling = weights_scaling(path) if path and scaling != "train" else None
        if scaling == "weights" and own_scaling is None:
            raise ConfigError(f"model.scaling=weights: {path} has no {PROCESSOR_FILE}")
        sides = (spec.inputs["image"]["height"], spec.inputs["image"]["width"])
        self.options = {STRETCH: True} if _takes_any_size(encoder, sides) else {}
        self.pooling = pooling
        super().__init__(
            spec=spec,
            encoder=encoder,
            scaling=Scaling(*own_scaling, "the pretrained weights") if own_scaling else None,
            channels=getattr(encoder.config, "num_channels", COLOURS),
            dropout=dropout,
        )
        self.pretrained = pretrained  # there is something to tune
        self.has_own_scaling = own_scaling is not None
        if gradient_checkpointing:
            checkpoint_activations(encoder)

    def ask(self, values: Tensor) -> "ModelOutput":
        return self.encoder(pixel_values=values, **self.options)

    def save_architecture(self, folder: Path) -> None:
        """Writes what builds the encoder again without its weights, and how these see pixels."""
        self.encoder.config.save_pretrained(folder)
        if self.has_own_scaling:
            write_scaling(folder, self.pixels.scaling.mean, self.pixels.scaling.std)


def image_part(model: Any, path: str | None) -> Any:
    """The encoder of images that a model is, or has beside one of texts.

    Raises: ConfigError for a model that has none.
    """
    encoder = getattr(model, "vision_model", model)
    if PIXELS not in inspect.signature(encoder.forward).parameters:
        option = f"model.path: {path!r}" if path else "model.architecture"
        raise ConfigError(f"{option}: a {model.config.model_type} reads no images")
    return plain_encoder(encoder)


def _sizes(spec: DataSpec) -> dict[str, Any]:
    """What an architecture without a path is told of the images."""
    fields = spec.inputs["image"]
    return {
        "num_channels": fields["channels"],
        "image_size": [fields["height"], fields["width"]],
    }


def _takes_any_size(encoder: nn.Module, sides: tuple[int, int]) -> bool:
    """True for an encoder that was made for another size of images, and can be asked for this."""
    size = getattr(encoder.config, "image_size", None)
    own = (size, size) if isinstance(size, int) else tuple(size or sides)
    return own != sides and STRETCH in inspect.signature(encoder.forward).parameters
