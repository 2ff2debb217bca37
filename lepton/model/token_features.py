"""Tokens: the features of the parts of a row's input, of which a few at most are handed on.

Patches of a picture, words of a text, columns of a table, frames of a sound.
"""

import math
from typing import NamedTuple, Protocol, cast

import torch
from torch import Tensor, nn

MAP_DIMENSIONS = 4  # of features of places: rows, features, height, width


class Tokens(NamedTuple):
    """Features of the parts of rows' inputs, and which of these a row has; None: all.

    Shapes: values (B, T, width), mask (B, T) bool; or a map's values (B, width, H, W) alone.
    """

    values: Tensor
    mask: Tensor | None = None


class TokenModel(Protocol):
    """A network that tells the features of parts of its input, beside those of the whole.

    Where these are of another width than the input of its head, it says which in `token_width`;
    where it has weights that make one vector of them, it drops these in `drop_pooling()`.
    """

    def token_features(self, batch: dict[str, Tensor]) -> Tokens:
        """The features of the parts, before any of them are pooled."""
        ...


def token_model(model: nn.Module) -> TokenModel | None:
    """The network as a TokenModel; None for one that has features of the whole alone."""
    return cast("TokenModel", model) if hasattr(model, "token_features") else None


def thinned(tokens: Tokens, most: int) -> tuple[Tensor, Tensor]:
    """At most so many tokens of each row: neighbours are averaged where it has more.

    Each stands for as many of a row's own tokens as the next, but for one; those of a map are
    averaged within the fields of a grid.
    Shapes: -> (B, most, width) and a mask (B, most); behind a row's tokens 0.
    """
    values, mask = tokens
    if values.ndim == MAP_DIMENSIONS:
        slots = _fields(values.shape[2], values.shape[3], most, values.device)
        values = values.flatten(2).mT
        mask = torch.ones(values.shape[:2], dtype=torch.bool, device=values.device)
        slots = slots.expand(mask.shape)
    else:
        if mask is None:
            mask = torch.ones(values.shape[:2], dtype=torch.bool, device=values.device)
        own, rank = mask.sum(1, keepdim=True), mask.cumsum(1) - 1
        slots = torch.where(own > most, rank * most // own.clamp(min=1), rank)
    numbers = torch.arange(most, device=values.device)[:, None]
    chosen = (slots[:, None] == numbers) & mask[:, None]  # (B, most, T)
    counts = chosen.sum(2)
    sums = chosen.to(values.dtype) @ values.masked_fill(~mask[..., None], 0.0)
    return sums / counts.clamp(min=1).to(values.dtype)[..., None], counts > 0


def _fields(height: int, width: int, most: int, device: torch.device) -> Tensor:
    """The field of a grid of at most so many fields that each place lies in.

    Shapes: -> (height * width,).
    """
    rows = min(height, math.isqrt(most))
    columns = min(width, most // rows)
    rows = min(height, most // columns)
    down = torch.arange(height, device=device) * rows // height
    across = torch.arange(width, device=device) * columns // width
    return (down[:, None] * columns + across).flatten()
