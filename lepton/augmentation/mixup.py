"""Mixup: rows and their targets mixed with those of other rows."""

from typing import Literal

import torch
from torch import nn

from lepton.augmentation.machinery.input_augmentation import InputAugmentation
from lepton.augmentation.machinery.pictures import PICTURES, change_pictures
from lepton.augmentation.machinery.waveforms import as_audio, waveforms
from lepton.errors import ConfigError
from lepton.method import Batch
from lepton.randomness.draw import Draw
from lepton.spec import DataSpec
from lepton.task.mixed_rows import blend, mixed_target, require_mixable
from lepton.values.bounds import Above0


class Mixup(InputAugmentation):
    """Each row as a share of itself and the rest of a random other one of the batch.

    Shares are drawn of a beta distribution, one a row. `categories`: what becomes of a table's,
    which have no values between two; "pick" takes each from one of the rows, by the shares.
    Source: Zhang et al. 2018, https://arxiv.org/abs/1710.09412
    """

    replayable = True
    stackable = ("alpha",)
    mixes_rows = True
    changes_inputs = ("table", "image", "video", "audio")
    changes_waveforms = True

    def __init__(self, *, alpha: Above0, categories: Literal["refuse", "pick"]):
        self.alpha, self.categories = alpha, categories

    def prepare(self, model: nn.Module, spec: DataSpec) -> nn.Module:
        require_mixable("augmentation=mixup", spec, ("table", "audio", *PICTURES))
        if spec.cat_features and self.categories == "refuse":
            raise ConfigError(
                "augmentation.mixup.categories, dataset: the data have categories "
                f"({', '.join(spec.cat_features[:3])}), between which nothing lies; "
                "augmentation.mixup.categories=pick takes each from one of the two rows"
            )
        self.classes = spec.outputs
        return model

    def change(self, batch: Batch, draw: Draw) -> Batch:
        own, partners = draw.each(batch["id"]), draw.permutation(len(batch["id"]))
        share = own.beta(self.alpha, self.alpha)
        batch = mixed_target(batch, share, partners, self.classes)
        if "num" in batch:
            batch = batch | {"num": blend(batch["num"], batch["num"][partners], share)}
        if "cat" in batch:
            cells = batch["cat"]
            is_own = own.bernoulli(share[:, None], cells.shape[1:])
            batch = batch | {"cat": torch.where(is_own, cells, cells[partners])}
        if "audio_length" in batch:
            samples, lengths = waveforms(batch), batch["audio_length"]
            mixed = as_audio(blend(samples, samples[partners], share))
            longer = torch.maximum(lengths, lengths[partners])
            batch = batch | {"audio": mixed, "audio_length": longer}
        return change_pictures(batch, lambda _, pixels: blend(pixels, pixels[partners], share))
