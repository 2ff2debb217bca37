"""GaussianNoise: normal noise on all continuous inputs."""

from torch import Tensor, nn

from lepton.augmentation.machinery.columns import spreads
from lepton.augmentation.machinery.input_augmentation import InputAugmentation
from lepton.augmentation.machinery.pictures import PICTURES, change_pictures, channel_values
from lepton.augmentation.machinery.waveforms import as_audio, loudness, own_steps, waveforms
from lepton.errors import ConfigError
from lepton.method import Batch
from lepton.randomness.draw import Draw
from lepton.spec import DataSpec
from lepton.values.bounds import NotBelow0


class GaussianNoise(InputAugmentation):
    """Adds noise to numbers, pixels and samples; categories and texts stay.

    Units: `std` is in the standard deviation of each column, of the training pixels of a channel,
        and of the samples of each sound.
    Source: Bishop 1995, https://doi.org/10.1162/neco.1995.7.1.108
    """

    replayable = True
    stackable = ("std",)
    changes_inputs = ("table", "image", "video", "audio")
    changes_waveforms = True

    def __init__(self, *, std: NotBelow0):
        self.std = std
        self.pixel_std: dict[str, Tensor] = {}

    def prepare(self, model: nn.Module, spec: DataSpec) -> nn.Module:
        if spec.kinds == ("table",) and not spec.num_features:
            raise ConfigError(
                "augmentation.gaussian_noise, dataset: all columns are categories, to which no "
                "noise can be added; augmentation=swap_noise changes them"
            )
        self.column_std = spreads(spec) if spec.num_features else None
        kinds = [kind for kind in PICTURES if kind in spec.inputs]
        self.pixel_std = {kind: channel_values(spec, kind, "std") for kind in kinds}
        return model

    def change(self, batch: Batch, draw: Draw) -> Batch:
        own = draw.each(batch["id"])

        def noisy(values: Tensor, spread: Tensor) -> Tensor:
            noise = self.std * own.normal(values.shape[1:]) * spread.to(values)
            return (values + noise).to(values.dtype)

        if "num" in batch and self.column_std is not None:
            batch = batch | {"num": noisy(batch["num"], self.column_std)}
        if "audio_length" in batch:
            samples = waveforms(batch)
            loud = loudness(samples, batch["audio_length"])
            batch = batch | {"audio": as_audio(noisy(samples, loud) * own_steps(batch))}
        return change_pictures(batch, lambda kind, pixels: noisy(pixels, self.pixel_std[kind]))
