"""AttackedInputs: the tensors of a batch that an attack changes, their units and their limits."""

from typing import TypeAlias

import torch
from torch import Tensor

from lepton.attack.column_rules import ColumnRules, movable_numbers
from lepton.attack.neighbourhood import Neighbourhood, Snap
from lepton.attack.norms import NORMS, NormName
from lepton.audio.decoding import LEVELS
from lepton.augmentation.machinery.pictures import PICTURES, WHITE, as_numbers
from lepton.augmentation.machinery.waveforms import own_steps, waveforms
from lepton.errors import ConfigError
from lepton.method import Batch
from lepton.spec import DataSpec

Room: TypeAlias = tuple[Tensor, Tensor]
LOUDEST = (LEVELS - 1) / LEVELS  # of a sample of 16 bits, which go from -1 to this


class AttackedInputs:
    """Numbers of a table, pixels and samples: what a loss has a gradient for and rows may change.

    Categories and texts stay. Numbers of a table move in the standard deviation of their column
    over the training rows, pixels in their full range, samples in full scale, from 0 to 1: these
    are the units of epsilon.
    """

    def __init__(self, spec: DataSpec, rules: ColumnRules):
        """Raises: ConfigError for inputs without a gradient, and for columns that are not there."""
        if problem := without_gradient(spec):
            raise ConfigError(f"{rules.option or 'attack'}, dataset: {problem}")
        rules.check(spec)
        self.limits = rules.limits(spec) if spec.num_features else None

    def around(
        self,
        batch: Batch,
        *,
        epsilon: Tensor | float,
        norm: NormName,
        snap: Snap | None = None,
    ) -> Neighbourhood:
        """What may become of the rows of a batch, with a change of this size of each kind of input.

        `snap` moves a tensor's values to such as there are, as whole numbers; the original comes
        second, beyond which it must not go.
        """
        clean, fall, rise, unit = {}, {}, {}, {}
        for name, (values, room) in self._values(batch).items():
            clean[name], (fall[name], rise[name]) = values, room
            unit[name] = self._unit(name, values)
        return Neighbourhood(
            batch=batch,
            clean=clean,
            unit=unit,
            fall=fall,
            rise=rise,
            epsilon=epsilon,
            norm=NORMS[norm],
            snap=snap,
        )

    def _values(self, batch: Batch) -> dict[str, tuple[Tensor, Room]]:
        """The tensors that are attacked, as numbers, and how far each may fall and rise."""
        values: dict[str, tuple[Tensor, Room]] = {}
        if "num" in batch and self.limits is not None:
            values["num"] = batch["num"], self.limits.room(batch["num"])
        for name in PICTURES:
            if name in batch:
                pixels = as_numbers(batch[name])
                values[name] = pixels, (-pixels / WHITE, 1 - pixels / WHITE)
        if "audio" in batch:
            samples, own = waveforms(batch), own_steps(batch)
            room = (-1 - samples) * own, (LOUDEST - samples) * own
            values["audio"] = samples, room
        return values

    def _unit(self, name: str, values: Tensor) -> Tensor:
        if name == "num" and self.limits is not None:
            return self.limits.unit.to(values)
        return torch.full((), WHITE if name in PICTURES else 1.0).to(values)


def without_gradient(spec: DataSpec) -> str | None:
    """Why an attack finds no gradient in inputs as these; None where it does."""
    kinds = {*spec.kinds}
    if kinds & {*PICTURES, "audio"} or movable_numbers(spec):
        return None
    of_table = "a table without numbers that may change" if "table" in kinds else ""
    has = " and ".join(filter(None, [of_table, *sorted(kinds - {"table", "presence"})]))
    return (
        f"the inputs ({has}) have no gradient that an attack could follow; it needs numbers of a "
        "table, pixels or samples"
    )
