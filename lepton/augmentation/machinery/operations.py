"""RandAugment's fourteen operations: each picture of a batch after its own, at its strength."""

import torch
from torch import Tensor

from lepton.augmentation.machinery.colours import with_brightness, with_contrast, with_saturation
from lepton.augmentation.machinery.grid import linear_maps, warp
from lepton.augmentation.machinery.pictures import of_each
from lepton.augmentation.machinery.tones import (
    autocontrast,
    equalize,
    posterize,
    solarize,
    with_sharpness,
)

OPERATIONS = (
    *("identity", "shear_x", "shear_y", "translate_x", "translate_y", "rotate"),
    *("brightness", "color", "contrast", "sharpness", "posterize", "solarize"),
    *("autocontrast", "equalize"),
)
# what each does at full strength
SHEAR, SHIFT, DEGREES, ENHANCEMENT, BITS, TONES = 0.3, 10 / 32, 30.0, 0.9, 4.0, 256.0


def augmented(pixels: Tensor, operation: Tensor, amount: Tensor, signed: Tensor) -> Tensor:
    """Each picture after its own operation.

    Shapes: operation (B,) places in OPERATIONS; amount (B,) from 0 to 1, and with a sign.
    """
    chosen = {name: operation == place for place, name in enumerate(OPERATIONS)}
    moved = _moved(pixels, chosen, signed)
    factor = 1 + ENHANCEMENT * signed
    results = {
        "brightness": with_brightness(pixels, factor),
        "color": with_saturation(pixels, factor),
        "contrast": with_contrast(pixels, factor),
        "sharpness": with_sharpness(pixels, factor),
        "posterize": posterize(pixels, 8 - (BITS * amount).round()),
        "solarize": solarize(pixels, TONES * (1 - amount)),
        "autocontrast": autocontrast(pixels),
        "equalize": equalize(pixels),
    }
    for name, result in results.items():
        moved = torch.where(of_each(chosen[name], pixels).bool(), result, moved)
    return moved


def _moved(pixels: Tensor, chosen: dict[str, Tensor], signed: Tensor) -> Tensor:
    """The pictures whose operation is one of geometry, and the others as they are."""
    amounts = {name: torch.where(chosen[name], signed, 0.0) for name in OPERATIONS[1:6]}
    height, width = pixels.shape[-2:]
    still = torch.ones_like(signed)
    maps = linear_maps(
        degrees=DEGREES * amounts["rotate"],
        scale=(still, still),
        shear=(SHEAR * amounts["shear_x"], SHEAR * amounts["shear_y"]),
    )
    shift = torch.stack([amounts["translate_x"] * width, amounts["translate_y"] * height], -1)
    moved = warp(pixels, maps, SHIFT * shift, "zeros")
    is_moved = torch.stack([chosen[name] for name in OPERATIONS[1:6]]).any(0)
    return torch.where(of_each(is_moved, pixels).bool(), moved, pixels)
