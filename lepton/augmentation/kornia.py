"""Kornia: operations on pictures of the package of that name, by their names."""

from collections.abc import Mapping
from inspect import isclass, signature
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from lepton.augmentation.machinery.input_augmentation import InputAugmentation
from lepton.augmentation.machinery.pictures import WHITE, as_numbers
from lepton.compat.optional import import_optional
from lepton.errors import ConfigError, did_you_mean
from lepton.foreign_text import printable
from lepton.method import Batch
from lepton.randomness.draw import Draw
from lepton.spec import DataSpec

KEY = "augmentation.kornia.operations"
BASE = "AugmentationBase2D"
SEEDS = 2**31


class Kornia(InputAugmentation):
    """Changes each picture by kornia's operations, one after the other by name.

    Kornia draws from torch's own generator, some of it once for a whole batch: here each picture is
    a batch, with a seed of its own, and the generator is put back.
    Source: Riba et al. 2020, https://arxiv.org/abs/1910.02190
    """

    alone = "draws by a generator of torch's, for one picture after the other"
    changes_inputs = ("image",)

    def __init__(self, *, operations: dict[str, dict[str, Any]]):
        package = import_optional("kornia.augmentation", needed_by="augmentation=kornia")
        if not operations:
            raise ConfigError(f"{KEY}: {{}} names none; name one, as {{RandomMedianBlur: {{}}}}")
        chosen = sorted(operations.items())
        self.operations = {name: _made(package, name, values) for name, values in chosen}
        # the same that act on every picture, to be tried
        self.always = {name: _made(package, name, {**values, "p": 1.0}) for name, values in chosen}

    def prepare(self, model: nn.Module, spec: DataSpec) -> nn.Module:
        fields = spec.inputs["image"]
        shape = (1, fields["channels"], fields["height"], fields["width"])
        for name, operation in self.always.items():
            size = "{} x {} x {}".format(*shape[1:])
            try:
                changed = _with_seed(0, operation, torch.full(shape, 0.5))
            except Exception as e:  # whatever the package raises of its inputs
                reason = printable(e, one_line=True)
                raise ConfigError(
                    f"{KEY}.{name}, dataset: cannot change pictures of {size}: {reason}"
                ) from None
            if changed.shape != shape:
                raise ConfigError(
                    f"{KEY}.{name}, dataset: makes pictures of {size} those of another size, "
                    f"{' x '.join(map(str, changed.shape[1:]))}; leave it out"
                )
        return model

    @torch.no_grad()
    def change(self, batch: Batch, draw: Draw) -> Batch:
        seeds = draw.each(batch["id"]).integers(SEEDS).tolist()
        pixels = as_numbers(batch["image"])
        rows = (pixels.float() / WHITE).split(1)
        changed = [
            _with_seed(seed, nn.Sequential(*self.operations.values()), row)
            for seed, row in zip(seeds, rows, strict=True)
        ]
        return batch | {"image": (torch.cat(changed).clamp(0, 1) * WHITE).to(pixels.dtype)}


def _with_seed(seed: int, operation: nn.Module, row: Tensor) -> Tensor:
    """What an operation makes of a picture when torch's generator begins at a seed."""
    with torch.random.fork_rng([row.device] if row.is_cuda else []):
        torch.manual_seed(seed)
        return operation(row)


def _made(package: ModuleType, name: str, values: Mapping[str, Any]) -> nn.Module:
    """An operation with its values. Raises: ConfigError for a name or values that cannot be."""
    base = getattr(package, BASE)
    known: dict[str, Any] = {
        other: cls
        for other, cls in vars(package).items()
        if isclass(cls) and issubclass(cls, base) and not other.endswith(BASE)
        if "p" in signature(cls).parameters
    }
    if name not in known:
        raise ConfigError(f"{KEY}: there is no operation {name!r}{did_you_mean(name, known)}")
    settings = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
    try:
        return known[name](**settings)
    except Exception as e:  # whatever the package raises of its values
        raise ConfigError(f"{KEY}.{name}: {printable(e, one_line=True)}") from None
