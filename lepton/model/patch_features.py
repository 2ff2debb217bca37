"""PatchFeatures: what the layers of a frozen image network answer, for each place of a picture."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lepton.errors import ConfigError

ROWS = 32  # pictures that go through the network at once


class PatchFeatures:
    """Maps of features of a network's layers, averaged over neighbours, side by side.

    Maps of further layers are scaled to the size of the first. `layers` are names of modules of the
    network, `neighbourhood` the side of the square around a place that is averaged over.
    """

    def __init__(self, network: nn.Module, layers: Sequence[str], neighbourhood: int):
        self.network = network.eval().requires_grad_(False)
        self.layers, self.neighbourhood = [*layers], neighbourhood
        for name in self.layers:
            require_layer(network, name, key="model.layers")
        if not self.layers or not neighbourhood % 2:
            raise ConfigError(
                f"model.layers={self.layers}, model.neighbourhood={neighbourhood}: one layer at "
                "least, and an odd side are right"
            )

    def batches(self, image: Tensor) -> Iterator[Tensor]:
        """Yields the features of pictures, a few of them at a time.

        Shapes: image (N, C, H, W) uint8 -> (b, h, w, D).
        """
        for pictures in image.split(ROWS):
            yield self(pictures)

    @torch.inference_mode()
    def __call__(self, image: Tensor) -> Tensor:
        """The features of pictures. Shapes: image (B, C, H, W) uint8 -> (B, h, w, D)."""
        answers = layer_answers(self.network.eval(), self.layers, {"image": image})
        maps = [self._smooth(as_map(answers[name], name)) for name in self.layers]
        size = maps[0].shape[2:]
        scaled = [F.interpolate(m, size, mode="bilinear", align_corners=False) for m in maps[1:]]
        return torch.cat([maps[0], *scaled], 1).permute(0, 2, 3, 1).contiguous()

    def _smooth(self, values: Tensor) -> Tensor:
        side = self.neighbourhood
        return F.avg_pool2d(values, side, 1, side // 2, count_include_pad=False)


def require_layer(network: nn.Module, layer: str, *, key: str) -> None:
    """Raises: ConfigError for a name that is no module of the network; `key` is what named it."""
    names = [name for name, _ in network.named_modules() if name]
    if layer not in names:
        few = ", ".join(name for name in names if name.count(".") <= 2)
        raise ConfigError(f"{key}: the backbone has no layer {layer!r}; it has {few}")


def layer_answers(
    network: nn.Module, layers: Sequence[str], batch: dict[str, Tensor]
) -> dict[str, Tensor]:
    """What modules of a network answer while it reads a batch, by their names."""
    answers: dict[str, Any] = {}
    hooks = [
        network.get_submodule(name).register_forward_hook(
            lambda _, __, answer, name=name: answers.update({name: answer})
        )
        for name in layers
    ]
    try:
        network(batch)
    finally:
        for hook in hooks:
            hook.remove()
    return answers


def as_map(answer: object, layer: str) -> Tensor:
    """What a layer answers as a map; of tokens those that form a square, behind a first one or not.

    Shapes: (B, D, h, w), or (B, T, D) -> (B, D, h, w).
    Raises: ConfigError for anything else.
    """
    if isinstance(answer, Tensor) and answer.ndim == 4:
        return answer
    if isinstance(answer, Tensor) and answer.ndim == 3:
        for first in (0, 1):
            side = math.isqrt(answer.shape[1] - first)
            if side**2 == answer.shape[1] - first:
                return answer[:, first:].transpose(1, 2).unflatten(2, (side, side))
    shape = tuple(answer.shape) if isinstance(answer, Tensor) else type(answer).__name__
    raise ConfigError(
        f"model: the layer {layer!r} answers {shape}; a layer whose answer has a vector for each "
        "place of a picture is right"
    )
