"""RandomErasing: a box of each picture that is filled with noise or the mean."""

from typing import Literal

import torch
from torch import Tensor, nn

from lepton.augmentation.machinery.boxes import box_mask, over
from lepton.augmentation.machinery.input_augmentation import InputAugmentation
from lepton.augmentation.machinery.pictures import (
    PICTURES,
    WHITE,
    change_pictures,
    channel_values,
)
from lepton.errors import ConfigError
from lepton.method import Batch
from lepton.randomness.draw import Draw
from lepton.spec import DataSpec
from lepton.values.bounds import Above0To1, From0To1


class RandomErasing(InputAugmentation):
    """Fills a box within each picture, of a random area and shape; of a clip, in all its frames.

    A box that would be longer than a side is cut to it, where the paper draws again.
    Units: area from `smallest` to `largest`, a share of the picture; height over width from
        `aspect` to 1 / `aspect`.
    Source: Zhong et al. 2020, https://arxiv.org/abs/1708.04896, algorithm 1
    """

    replayable = True
    stackable = ("probability", "smallest", "largest", "aspect")
    changes_inputs = ("image", "video")

    def __init__(
        self,
        *,
        probability: From0To1,
        smallest: Above0To1,
        largest: Above0To1,
        aspect: Above0To1,
        fill: Literal["noise", "mean"],
    ):
        if smallest > largest:
            raise ConfigError(
                f"augmentation.random_erasing.smallest: {smallest} is above largest, {largest}"
            )
        self.probability, self.aspect = probability, aspect
        self.smallest, self.largest = smallest, largest
        self.fill: Literal["noise", "mean"] = fill

    def prepare(self, model: nn.Module, spec: DataSpec) -> nn.Module:
        kinds = [kind for kind in PICTURES if kind in spec.inputs]
        self.means = {kind: channel_values(spec, kind, "mean") for kind in kinds}
        return model

    def change(self, batch: Batch, draw: Draw) -> Batch:
        own = draw.each(batch["id"])
        size, shape, down, across = own.uniform((4,)).unbind(-1)
        is_chosen = own.bernoulli(self.probability)
        tall = torch.as_tensor(self.aspect, dtype=size.dtype, device=size.device).log()
        tall = ((2 * shape - 1) * tall).exp()
        share = self.smallest + size * (self.largest - self.smallest)

        def erased(kind: str, pixels: Tensor) -> Tensor:
            height, width = pixels.shape[-2:]
            area = share * height * width
            rows = (area * tall).sqrt().round().clamp(max=height)
            columns = (area / tall).sqrt().round().clamp(max=width)
            top = (down * (height - rows + 1)).floor()
            left = (across * (width - columns + 1)).floor()
            end = torch.where(is_chosen, top + rows, top)
            box = box_mask(rows=(top, end), columns=(left, left + columns), shape=(height, width))
            filled = self.means[kind].to(pixels)
            if self.fill == "noise":
                filled = (own.uniform(pixels.shape[1:]) * WHITE).to(pixels.dtype)
            return torch.where(over(box, pixels), filled, pixels)

        return change_pictures(batch, erased)
