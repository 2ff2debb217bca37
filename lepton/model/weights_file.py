"""Image encoders with weights of one file, as an installed package carries it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from lepton.errors import ConfigError
from lepton.model.pixels import Scaling
from lepton.model.shared_encoder import shared_encoder
from lepton.pretrained.location import ENCODER_CONFIG_FILE
from lepton.pretrained.ordered_weights import load_in_order


def encoder_of_file(build: Callable[[], nn.Module], path: str | None) -> Any:
    """The encoder that `build` makes, with the weights of the file; None: as it was built.

    Networks of a stack that train no part of it share one.
    """
    if path is None:
        return build()

    def build_and_load() -> nn.Module:
        encoder = build()
        load_in_order(encoder, path)
        return encoder

    # what building draws does not reach the head, which is the same on a shared encoder
    with torch.random.fork_rng():
        return shared_encoder(("file", path), build_and_load)


def path_of_weights(path: str | None, pretrained: bool) -> str | None:
    """The path, where weights are to be loaded from it.

    Raises: ConfigError where they are, and there is no path.
    """
    if pretrained and path is None:
        raise ConfigError("model.pretrained=true: needs model.path, where the weights lie")
    return path if pretrained else None


def scaling_of(mean: list[float] | None, std: list[float] | None) -> Scaling | None:
    """How the images were scaled that weights have seen; None: as those of training are.

    Raises: ConfigError for one of both.
    """
    if (mean is None) != (std is None):
        raise ConfigError("model.mean, model.std: give both, or null for both")
    if mean is None or std is None:
        return None
    return Scaling(mean, std, "the pretrained weights (model.mean and model.std)")


def save_part(network: object, folder: Path) -> None:
    """Writes what a network inside of another is built of without its weights, if it has such."""
    if save := getattr(network, "save_architecture", None):
        save(folder)


def write_architecture(folder: Path, name: str) -> None:
    """Writes a config.json that says no more than what the network is called."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ENCODER_CONFIG_FILE).write_text(json.dumps({"model_type": name}))
