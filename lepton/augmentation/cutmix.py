"""CutMix: a box of another picture, and its share of the target."""

import torch
from torch import Tensor, nn

from lepton.augmentation.machinery.boxes import box_mask, over
from lepton.augmentation.machinery.input_augmentation import InputAugmentation
from lepton.augmentation.machinery.pictures import PICTURES, change_pictures
from lepton.method import Batch
from lepton.randomness.draw import Draw
from lepton.spec import DataSpec
from lepton.task.mixed_rows import mixed_target, require_mixable
from lepton.values.bounds import Above0, From0To1


class CutMix(InputAugmentation):
    """Puts a box of a random other picture of the batch into each; of a clip, into all its frames.

    The target is mixed by the area that the box has within the picture.
    Source: Yun et al. 2019, https://arxiv.org/abs/1905.04899
    """

    replayable = True
    stackable = ("alpha", "probability")
    mixes_rows = True
    changes_inputs = ("image", "video")

    def __init__(self, *, alpha: Above0, probability: From0To1):
        self.alpha, self.probability = alpha, probability

    def prepare(self, model: nn.Module, spec: DataSpec) -> nn.Module:
        kinds = PICTURES[:1] if "image" in spec.inputs else PICTURES[1:]
        require_mixable("augmentation=cutmix", spec, kinds)
        self.classes = spec.outputs
        return model

    def change(self, batch: Batch, draw: Draw) -> Batch:
        own, partners = draw.each(batch["id"]), draw.permutation(len(batch["id"]))
        sides = (1 - own.beta(self.alpha, self.alpha)).sqrt()
        sides = torch.where(own.bernoulli(self.probability), sides, 0.0)
        (pixels,) = (batch[name] for name in PICTURES if name in batch)
        height, width = pixels.shape[-2:]
        across, down = own.uniform(), own.uniform()
        box = box_mask(
            rows=((down - sides / 2) * height, (down + sides / 2) * height),
            columns=((across - sides / 2) * width, (across + sides / 2) * width),
            shape=(height, width),
        )
        share = 1 - box.to(sides.dtype).mean((1, 2))
        batch = mixed_target(batch, share, partners, self.classes)

        def with_box(_: str, pixels: Tensor) -> Tensor:
            return torch.where(over(box, pixels), pixels[partners], pixels)

        return change_pictures(batch, with_box)
