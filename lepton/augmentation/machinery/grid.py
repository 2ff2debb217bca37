"""Pictures turned, scaled and shifted: one affine grid for all of it."""

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

Border = Literal["zeros", "border", "reflection"]


def linear_maps(
    *, degrees: Tensor, scale: tuple[Tensor, Tensor], shear: tuple[Tensor, Tensor]
) -> Tensor:
    """Maps of places, as x to the right and y down, around the middle of a picture.

    A place is sheared, scaled, then turned, clockwise as one sees it. A negative scale mirrors.
    Shapes: all (B,), scale and shear of x and y -> (B, 2, 2).
    """
    angle = torch.deg2rad(degrees)
    cos, sin = angle.cos(), angle.sin()
    turn = _matrix(cos, -sin, sin, cos)
    zero, one = torch.zeros_like(cos), torch.ones_like(cos)
    stretch = _matrix(scale[0], zero, zero, scale[1])
    return turn @ stretch @ _matrix(one, shear[0], shear[1], one)


def warp(pixels: Tensor, maps: Tensor, shift: Tensor, border: Border) -> Tensor:
    """Pixels at the places to which a map and then a shift bring them, interpolated linearly.

    Shapes: pixels (B, ..., H, W), of which all between are moved alike; maps (B, 2, 2); shift
        (B, 2), to the right and down.
    Units: shift in pixels.
    """
    height, width = pixels.shape[-2:]
    across, down = (
        torch.arange(n, dtype=maps.dtype, device=maps.device) - (n - 1) / 2 for n in (width, height)
    )
    across, down = across.expand(height, width), down[:, None].expand(height, width)
    places = torch.stack([across, down], dim=-1).reshape(1, -1, 2)
    sources = (places - shift[:, None]) @ _inverse(maps).mT  # where each pixel comes from
    right, low = sources.reshape(-1, height, width, 2).unbind(-1)
    grid = torch.stack([right * (2 / width), low * (2 / height)], dim=-1)
    flat = pixels.reshape(len(pixels), -1, height, width)
    moved = F.grid_sample(flat, grid.to(flat.dtype), padding_mode=border, align_corners=False)
    return moved.reshape(pixels.shape)


def _matrix(a: Tensor, b: Tensor, c: Tensor, d: Tensor) -> Tensor:
    """Shapes: (B,) each -> (B, 2, 2)."""
    return torch.stack([torch.stack([a, b], -1), torch.stack([c, d], -1)], -2)


def _inverse(maps: Tensor) -> Tensor:
    """The inverse of matrices of two by two, without a factorization. Shapes: (B, 2, 2)."""
    (a, b), (c, d) = (row.unbind(-1) for row in maps.unbind(-2))
    return _matrix(d, -b, -c, a) / (a * d - b * c)[:, None, None]
