"""ColumnRules: which numbers of a table an attack may change, and which way."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from lepton.augmentation.machinery.columns import spreads
from lepton.errors import ConfigError, did_you_mean
from lepton.preprocessing.dates import date_feature_names
from lepton.spec import MISSING_INDICATOR, DataSpec

LAST_OF_DATE = date_feature_names("", hour=False)[-1]  # ends the name of a number of each date


@dataclass(frozen=True)
class ColumnRules:
    """What keeps changed rows such as there could be: columns that stay, and those of one way.

    Numbers stay within their training range, or where they were. Dates stay: their year, weekday
    and days would tell different ones. So do marks of what is missing, and the numbers that stand
    for it in rows with such a mark.
    `option` is the key of a config under which the lists stand, as adversarial.fgsm; none where
    they are keys themselves.
    """

    option: str
    immutable: Sequence[str] = ()
    only_up: Sequence[str] = ()
    only_down: Sequence[str] = ()

    def check(self, spec: DataSpec) -> None:
        """Raises: ConfigError for a name that is no number of the data, or stands in two lists."""
        numbers, categories = movable_numbers(spec), {*spec.cat_features, *dates_of(spec)}
        seen: dict[str, str] = {}
        for key in ("immutable", "only_up", "only_down"):
            for name in getattr(self, key):
                where = f"{self.key(key)}: {name!r}"
                if name in categories and key != "immutable":
                    raise ConfigError(
                        f"{where} is a category or a date, which an attack never changes"
                    )
                if name not in categories and name not in numbers:
                    known = [*numbers, *(categories if key == "immutable" else ())]
                    raise ConfigError(
                        f"{where} is no column of dataset{did_you_mean(name, known)}; numbers of "
                        f"the data: {', '.join(numbers) or 'none'}"
                    )
                if name in seen:
                    raise ConfigError(f"{where} stands in {self.key(seen[name])} too")
                seen[name] = key
        if numbers and not {*numbers} - {*self.immutable} and spec.kinds == ("table",):
            raise ConfigError(
                f"{self.key('immutable')}, dataset: no number is left that an attack may change"
            )

    def key(self, name: str) -> str:
        """A list's key, as a command or a config has it."""
        return f"{self.option}.{name}" if self.option else name

    def limits(self, spec: DataSpec) -> "ColumnLimits":
        """The rules as tensors, for the numbers of the data in their order."""
        names = spec.num_features
        movable = {*movable_numbers(spec)} - {*self.immutable}
        unit = spreads(spec).float()
        ends = torch.tensor(spec.quantiles)[:, [0, -1]]
        marks = [names.index(m) if (m := f"{n}{MISSING_INDICATOR}") in names else -1 for n in names]
        return ColumnLimits(
            unit=unit,
            lowest=ends[:, 0],
            highest=ends[:, 1],
            may_fall=torch.tensor([n in movable and n not in self.only_up for n in names]),
            may_rise=torch.tensor([n in movable and n not in self.only_down for n in names]),
            mark=torch.tensor(marks),
        )


@dataclass(frozen=True)
class ColumnLimits:
    """What `ColumnRules` say of each number; `mark` is the place of its mark of missing, or -1.

    Shapes: each (numbers,). Units: those of the batch.
    """

    unit: Tensor
    lowest: Tensor
    highest: Tensor
    may_fall: Tensor
    may_rise: Tensor
    mark: Tensor

    def room(self, num: Tensor) -> tuple[Tensor, Tensor]:
        """How far each number of the rows may fall and rise, in its unit; none the wrong way.

        Shapes: num (B, numbers) -> twice the same.
        """
        unit, lowest, highest = (t.to(num) for t in (self.unit, self.lowest, self.highest))
        may_fall, may_rise, mark = (
            t.to(num.device) for t in (self.may_fall, self.may_rise, self.mark)
        )
        is_known = (mark < 0) | (num[:, mark.clamp(min=0)] <= 0)
        moves = (unit > 0) & is_known
        divisor = torch.where(unit > 0, unit, 1)
        fall = ((lowest - num) / divisor).clamp(max=0)
        rise = ((highest - num) / divisor).clamp(min=0)
        return torch.where(moves & may_fall, fall, 0), torch.where(moves & may_rise, rise, 0)


def movable_numbers(spec: DataSpec) -> tuple[str, ...]:
    """The numbers that are no part of a date and no mark of what is missing."""
    of_dates = {part for date in dates_of(spec) for part in date_feature_names(date, hour=True)}
    return tuple(
        name
        for name in spec.num_features
        if name not in of_dates and not name.endswith(MISSING_INDICATOR)
    )


def dates_of(spec: DataSpec) -> list[str]:
    """The columns of dates, of which numbers were made."""
    names = {*spec.num_features}
    ends = [name.removesuffix(LAST_OF_DATE) for name in names if name.endswith(LAST_OF_DATE)]
    return [date for date in ends if {*date_feature_names(date, hour=False)} <= names]
