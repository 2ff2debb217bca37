"""What a search may vary and what stays: overrides told apart, read and held to sense."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, IntervalSweep, Override, RangeSweep

from lepton.config.identity import COSMETIC_KEYS
from lepton.errors import ConfigError, NothingToSearch

REPEATS = {  # a search over these would pick luck, or compare what cannot be compared
    "seed": "hydra.sweeper.seeds=3 trains every trial with three seeds",
    "dataset.fold": "the best fold is luck",
    "dataset.split_seed": "the best split is luck",
    "dataset": "scores of different data cannot be compared; one search each",
    "task.monitor": "scores in different metrics cannot be compared; one search each",
    "search": "one space a search",
}


@dataclass(frozen=True)
class Dimension:
    """One key that is searched: options to choose from, or numbers between two bounds."""

    key: str
    name: str  # the key as an override writes it, which may begin with ++
    options: tuple[str, ...] = ()  # likewise
    low: float = 0
    high: float = 0
    step: float | None = None
    log: bool = False

    @property
    def numeric(self) -> bool:
        return self.step is not None or not self.options

    def distribution(self):
        """Optuna's name for it."""
        from optuna.distributions import (
            CategoricalDistribution,
            FloatDistribution,
            IntDistribution,
        )

        if not self.numeric:
            return CategoricalDistribution(self.options)
        if isinstance(self.low, int):
            return IntDistribution(self.low, self.high, step=self.step or 1, log=self.log)
        return FloatDistribution(self.low, self.high, step=self.step, log=self.log)

    def word(self, value: Any) -> str:
        """The override that sets the key to a value that was proposed."""
        if self.options and self.numeric:  # a range of fractions, as the range itself writes them
            value = self.options[round((value - self.low) / self.step)]
        elif self.numeric:
            value = repr(value)
        return f"{self.name}={value}"

    def grid(self) -> list[Any]:
        """Every value, where there is a list of them."""
        if not self.numeric:
            return list(self.options)
        if isinstance(self.low, int):
            return list(range(self.low, self.high + 1, self.step or 1))
        return [self.low + n * self.step for n in range(len(self.options))] if self.options else []

    def ends(self) -> tuple[str, str]:
        """The overrides for its first and its last value."""
        if self.numeric:
            top = self.grid()[-1] if self.step else self.high
            return self.word(self.low), self.word(top)
        return self.word(self.options[0]), self.word(self.options[-1])

    def __str__(self) -> str:
        if not self.numeric:
            return f"{self.key}: {', '.join(self.options)}"
        scale = " (log)" if self.log else f" by {self.step:g}" if (self.step or 1) != 1 else ""
        return f"{self.key}: {self.low:g} to {self.high:g}{scale}"


@dataclass(frozen=True)
class Space:
    """The overrides that every trial has, and the dimensions in which trials differ."""

    fixed: tuple[str, ...]
    dimensions: dict[str, Dimension]  # sorted, so that the order of words changes nothing

    def words(self, params: dict[str, Any]) -> list[str]:
        return [*self.fixed, *(d.word(params[key]) for key, d in self.dimensions.items())]

    def numeric(self) -> bool:
        return any(d.numeric for d in self.dimensions.values())


def read_space(parser: OverridesParser, arguments: Sequence[str]) -> Space:
    """The space that overrides describe; of two for one key the later wins.

    Raises: ConfigError with every mistake, and when there is nothing to search.
    """
    found = {o.key_or_group: o for o in parser.parse_overrides(list(arguments))}
    fixed, dimensions, problems = [], {}, []
    for key, override in sorted(found.items()):
        if not override.is_sweep_override():
            if key != "search":
                fixed.append(f"{override.get_key_element()}={override.get_value_element_as_str()}")
            continue
        why = REPEATS.get(key) or _cosmetic(key)
        try:
            if why:
                raise ConfigError(f"{key}: cannot be searched: {why}")
            dimensions[key] = dimension(override)
        except ConfigError as e:
            problems += e.problems
    if problems:
        raise ConfigError(*problems)
    if not dimensions:
        raise NothingToSearch(
            "hydra/sweeper=search: nothing to search; give key=interval(LOW,HIGH), key=A,B or "
            "search=NAME (lepton list search)"
        )
    return Space(tuple(fixed), dimensions)


def _cosmetic(key: str) -> str | None:
    cosmetic = key.partition(".")[0] in COSMETIC_KEYS or key == "trainer.progress"
    return "it changes nothing that is scored" if cosmetic else None


def dimension(override: Override) -> Dimension:
    """The dimension that one override spans.

    Raises: ConfigError when it holds no value, has bounds in the wrong order, or a scale that
        does not fit.
    """
    sweep, names = override.value(), (override.key_or_group, override.get_key_element())
    wrong = sorted(sweep.tags - {"log"})
    if wrong:
        raise ConfigError(f"{said(override)}: no such tag {wrong[0]!r}; there is log")
    log = "log" in sweep.tags
    if isinstance(sweep, IntervalSweep):
        _bounds(override, sweep.start, sweep.end, log)
        return Dimension(*names, low=sweep.start, high=sweep.end, log=log)
    options = _listed(override)
    if isinstance(sweep, RangeSweep):
        return _range(override, sweep, options, log)
    if log or not isinstance(sweep, ChoiceSweep):
        raise ConfigError(f"{said(override)}: log is for interval and range, not for choices")
    return Dimension(*names, options=tuple(dict.fromkeys(options)))


def said(override: Override) -> str:
    """An override as the user wrote it."""
    return override.input_line.lstrip("+")


def _listed(override: Override) -> list[str]:
    try:
        options = list(override.sweep_string_iterator())
    except ValueError as e:
        raise ConfigError(f"{said(override)}: {e}") from None
    if not options:
        raise ConfigError(f"{said(override)}: holds no value")
    return options


def _range(override: Override, sweep: RangeSweep, options: list[str], log: bool) -> Dimension:
    if sweep.step < 0:
        options = options[::-1]
    names = (override.key_or_group, override.get_key_element())
    if all(isinstance(x, int) for x in (sweep.start, sweep.stop, sweep.step)):
        low, high, step = int(options[0]), int(options[-1]), abs(sweep.step)
        _bounds(override, low, high, log)
        if log and step > 1:
            raise ConfigError(f"{said(override)}: a log range has no step")
        return Dimension(*names, low=low, high=high, step=step, log=log)
    low, high = float(options[0]), float(options[-1])
    if log:
        raise ConfigError(f"{said(override)}: a log range has no step; use interval")
    return Dimension(*names, tuple(options), low=low, high=high, step=float(abs(sweep.step)))


def _bounds(override: Override, low: float, high: float, log: bool) -> None:
    text = said(override)
    if not (math.isfinite(low) and math.isfinite(high)):
        raise ConfigError(f"{text}: a bound is not a finite number")
    if low > high:
        raise ConfigError(f"{text}: the lower bound {low:g} is above the upper bound {high:g}")
    if log and low <= 0:
        raise ConfigError(f"{text}: a log scale needs a lower bound above 0, not {low:g}")
