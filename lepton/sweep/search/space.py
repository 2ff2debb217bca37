"""The space of a search: overrides read as dimensions to search and as values that stay."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import (
    ChoiceSweep,
    IntervalSweep,
    Override,
    RangeSweep,
    Sweep,
)

from lepton.config.conditions import Condition
from lepton.config.data_identity import tells_data
from lepton.config.identity import COSMETIC_DATASET_KEYS, COSMETIC_KEYS
from lepton.config.words import typed_options
from lepton.errors import ConfigError, NothingToSearch, did_you_mean
from lepton.sweep.overrides import as_written, listed_values, of_one_value, place

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

OTHER_DATA = "scores of different data cannot be compared; one search each"
UNSEARCHABLE = {  # a search over these would pick luck, or compare what cannot be compared
    "seed": "hydra.sweeper.seeds=3 trains every trial with three seeds",
    "dataset.fold": "the best fold is luck",
    "dataset.val_fold": "the best fold is luck",
    "dataset.split_seed": "the best split is luck",
    "dataset": OTHER_DATA,
    "task.monitor": "scores in different metrics cannot be compared; one search each",
    "search": "one space a search",
}


@dataclass(frozen=True)
class Dimension:
    """One key that is searched: options to choose from, or numbers between two bounds."""

    key: str
    override_key: str  # the key as an override writes it, which may begin with ++
    options: tuple[str, ...] = ()  # likewise
    low: float = 0
    high: float = 0
    step: float | None = None
    log: bool = False

    @property
    def numeric(self) -> bool:
        """True for numbers, false for options that have no order."""
        return self.step is not None or not self.options

    def distribution(self) -> "BaseDistribution":
        """The dimension as Optuna describes it."""
        from optuna.distributions import (
            CategoricalDistribution,
            FloatDistribution,
            IntDistribution,
        )

        if not self.numeric:
            return CategoricalDistribution(self.options)
        if isinstance(self.low, int):
            high, step = int(self.high), int(self.step or 1)
            return IntDistribution(self.low, high, step=step, log=self.log)
        return FloatDistribution(self.low, self.high, step=self.step, log=self.log)

    def override(self, value: Any) -> str:
        """The override that sets the key to a value that was proposed."""
        if self.options and self.step is not None:  # fractions, as the range itself writes them
            value = self.options[round((value - self.low) / self.step)]
        elif self.numeric:
            value = repr(value)
        return f"{self.override_key}={value}"

    def holds(self, value: Any) -> bool:
        """True for a value that the dimension can propose."""
        if not self.numeric:
            return value in self.options
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        is_whole = isinstance(value, int) or not isinstance(self.low, int)
        top = self.grid_values()[-1] if self.step else self.high
        return is_whole and self.low <= value <= top

    def grid_values(self) -> list[Any]:
        """Every value, where there is a list of them; else none."""
        if not self.numeric:
            return list(self.options)
        if isinstance(self.low, int):
            return list(range(self.low, int(self.high) + 1, int(self.step or 1)))
        if self.step is None:
            return []
        return [self.low + n * self.step for n in range(len(self.options))]

    def end_overrides(self) -> tuple[str, str]:
        """The overrides for its first and its last value."""
        if self.numeric:
            last = self.grid_values()[-1] if self.step else self.high
            return self.override(self.low), self.override(last)
        return self.override(self.options[0]), self.override(self.options[-1])

    def __str__(self) -> str:
        if not self.numeric:
            return f"{self.key}: {typed_options(', '.join(self.options))}"
        scale = " (log)" if self.log else f" by {self.step:g}" if (self.step or 1) != 1 else ""
        return f"{self.key}: {self.low:g} to {self.high:g}{scale}"


@dataclass(frozen=True)
class SearchSpace:
    """The overrides that every trial has, and the dimensions in which trials differ."""

    fixed: tuple[str, ...]
    dimensions: dict[str, Dimension]  # sorted, so that the order of overrides changes nothing
    conditions: Mapping[str, Condition | None] = field(default_factory=dict)  # of dimensions that
    # not every trial has, in the order in which they are decided; None: where the option takes it

    def overrides(self, params: dict[str, Any]) -> list[str]:
        """The overrides of a trial with these values, of all dimensions that it has."""
        dimensions = self.dimensions.items()
        return [*self.fixed, *(d.override(params[key]) for key, d in dimensions if key in params)]

    def unconditional(self) -> dict[str, Dimension]:
        """The dimensions that every trial has."""
        return {key: d for key, d in self.dimensions.items() if key not in self.conditions}

    def first_point(self) -> dict[str, Any]:
        """The point with the first or lowest value of every dimension that all trials have."""
        dimensions = self.unconditional().items()
        return {key: d.low if d.numeric else d.options[0] for key, d in dimensions}

    def has_numbers(self) -> bool:
        """True when a dimension is numeric."""
        return any(d.numeric for d in self.dimensions.values())


def read_space(
    parser: OverridesParser,
    overrides: Sequence[str],
    conditions: Mapping[str, Condition | None] | None = None,
) -> SearchSpace:
    """The space that overrides describe; of two for one key the later wins.

    `conditions` say which trials have a dimension, where not all have it.

    Raises: ConfigError with every mistake, and when there is nothing to search.
    """
    by_key = {place(o): o for o in parser.parse_overrides(list(overrides))}
    fixed, dimensions, problems = [], {}, []
    for key, override in sorted(by_key.items()):
        if not override.is_sweep_override():
            if key != "search":
                fixed.append(of_one_value(override))
            continue
        reason = UNSEARCHABLE.get(key) or (OTHER_DATA if tells_data(key) else None)
        reason = reason or _cosmetic_reason(key)
        try:
            if reason:
                raise ConfigError(f"{key}: cannot be searched: {reason}")
            dimensions[key] = read_dimension(override)
        except ConfigError as e:
            problems += e.problems
    if problems:
        raise ConfigError(*problems)
    if not dimensions:
        raise NothingToSearch(
            "hydra/sweeper=search: nothing to search; give key=interval(LOW,HIGH), key=A,B or "
            "search=NAME (lepton list search)"
        )
    conditions = conditions or {}
    unknown = [key for key in conditions if key not in dimensions]
    problems += [
        f"hydra.sweeper.when: {key} is not searched{did_you_mean(key, dimensions)}"
        for key in unknown
    ]
    if len(conditions) == len(dimensions):
        problems.append("hydra.sweeper.when: every key has a condition; one is in all trials")
    if problems:
        raise ConfigError(*problems)
    return SearchSpace(tuple(fixed), dimensions, conditions)


def _cosmetic_reason(key: str) -> str | None:
    group, _, name = key.partition(".")
    cosmetic = group in COSMETIC_KEYS or key == "trainer.progress"
    cosmetic = cosmetic or (group == "dataset" and name in COSMETIC_DATASET_KEYS)
    return "it changes nothing that is scored" if cosmetic else None


def read_dimension(override: Override) -> Dimension:
    """The dimension that one override spans.

    Raises: ConfigError when it holds no value, has bounds in the wrong order, or a scale that
        does not fit.
    """
    sweep, keys = override.value(), (place(override), override.get_key_element())
    assert isinstance(sweep, Sweep)
    unknown_tags = sorted(sweep.tags - {"log"})
    if unknown_tags:
        raise ConfigError(f"{as_written(override)}: no such tag {unknown_tags[0]!r}; there is log")
    log = "log" in sweep.tags
    if isinstance(sweep, IntervalSweep):
        low, high = sweep.start, sweep.end
        assert low is not None
        assert high is not None
        _check_bounds(override, low, high, log)
        return Dimension(*keys, low=low, high=high, log=log)
    options = listed_values(override)
    if isinstance(sweep, RangeSweep):
        return _read_range(override, sweep, options, log)
    if log or not isinstance(sweep, ChoiceSweep):
        raise ConfigError(f"{as_written(override)}: log is for interval and range, not for choices")
    return Dimension(*keys, options=tuple(dict.fromkeys(options)))


def _read_range(override: Override, sweep: RangeSweep, options: list[str], log: bool) -> Dimension:
    if sweep.step < 0:
        options = options[::-1]
    keys = (place(override), override.get_key_element())
    if all(isinstance(x, int) for x in (sweep.start, sweep.stop, sweep.step)):
        low, high, step = int(options[0]), int(options[-1]), abs(sweep.step)
        _check_bounds(override, low, high, log)
        if log and step > 1:
            raise ConfigError(f"{as_written(override)}: a log range has no step")
        return Dimension(*keys, low=low, high=high, step=step, log=log)
    low, high = float(options[0]), float(options[-1])
    if log:
        raise ConfigError(f"{as_written(override)}: a log range has no step; use interval")
    return Dimension(*keys, tuple(options), low=low, high=high, step=float(abs(sweep.step)))


def _check_bounds(override: Override, low: float, high: float, log: bool) -> None:
    text = as_written(override)
    if not (math.isfinite(low) and math.isfinite(high)):
        raise ConfigError(f"{text}: a bound is not a finite number")
    if low > high:
        raise ConfigError(f"{text}: the lower bound {low:g} is above the upper bound {high:g}")
    if log and low <= 0:
        raise ConfigError(f"{text}: a log scale needs a lower bound above 0, not {low:g}")
