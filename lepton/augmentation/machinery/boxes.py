"""Boxes in pictures, one a row."""

import torch
from torch import Tensor

Span = tuple[Tensor, Tensor]


def box_mask(*, rows: Span, columns: Span, shape: tuple[int, int]) -> Tensor:
    """True on the pixels whose middle lies in the box of each row, as far as that is inside.

    Shapes: of spans (B,), begin and end; shape height and width -> (B, H, W).
    """
    down, across = (
        _within(torch.arange(size, device=span[0].device) + 0.5, span)
        for size, span in zip(shape, (rows, columns), strict=True)
    )
    return down[:, :, None] & across[:, None, :]


def over(mask: Tensor, pixels: Tensor) -> Tensor:
    """The mask as it lies over all channels, and frames, of pictures. Shapes: (B, H, W)."""
    return mask.reshape(len(mask), *[1] * (pixels.ndim - 3), *mask.shape[1:])


def _within(places: Tensor, span: Span) -> Tensor:
    """Shapes: places (n,), span (B,) twice -> (B, n)."""
    begin, end = span
    return (places >= begin[:, None]) & (places < end[:, None])
