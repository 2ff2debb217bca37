"""The combinations of values that a grid means: crossed, paired, and where a key applies."""

import itertools
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from hydra.core.override_parser.types import Override

from lepton.config.words import with_names
from lepton.errors import ConfigError, did_you_mean
from lepton.sweep.composer import JobComposer
from lepton.sweep.grid_options import NODE, GridOptions
from lepton.sweep.overrides import (
    as_written,
    listed_values,
    of_one_value,
    params_as_overrides,
    place,
)

MAX_GRID_RUNS = 100_000  # each of which is composed before the first starts
EXPERIMENT = "experiment"
Combination = list[str]  # the overrides of one job


@dataclass
class LeftOut:
    """The values of an experiment that options do not take, with the number of runs an option."""

    counts: dict[str, Counter[str]] = field(default_factory=dict)

    def add(self, value: str, option: str, runs: int = 1) -> None:
        """Notes that runs go without a value, `key=value`, which their option does not take."""
        self.counts.setdefault(value, Counter())[option] += runs

    def lines(self) -> list[str]:
        """A line for every value: to what it does not apply."""
        return [
            f"{value} does not apply to {', '.join(counts)}, without such a key: "
            f"{counts.total()} run{'' if counts.total() == 1 else 's'} without it"
            for value, counts in self.counts.items()
        ]


class Expansion:
    """All values that the words of a grid give, and the combinations of them.

    Raises: ConfigError for a range that holds no value or needs a search, and for a key that is
        paired or has a condition, and no value.
    """

    def __init__(self, composer: JobComposer, options: GridOptions, overrides: Sequence[str]):
        self.composer, self.options = composer, options
        parse = composer.parser.parse_overrides
        own, given = parse(params_as_overrides(options.params)), parse(list(overrides))
        given = [o for o in given if not self._is_replaced(o, own)]
        self.overrides: dict[str, Override] = {place(o): o for o in (*own, *given)}
        self.values = {key: _values(override) for key, override in self.overrides.items()}
        settled = {*(place(o) for o in given), *options.when}
        self.may_lack = [place(o) for o in own if place(o) not in settled]
        self.left_out = LeftOut()
        self._check_keys()

    def _is_replaced(self, given: Override, own: Sequence[Override]) -> bool:
        """True for the word that chose the experiment whose own sweep is one over experiments."""
        chosen = self.composer.master.hydra.runtime.choices.get(EXPERIMENT)
        is_choice = place(given) == EXPERIMENT and given.value() == chosen
        return is_choice and any(place(o) == EXPERIMENT for o in own)

    def _check_keys(self) -> None:
        places = {key: f"{NODE}.zip" for keys in self.options.zipped for key in keys}
        places |= dict.fromkeys(self.options.when, f"{NODE}.when")
        places |= dict.fromkeys(self.options.together, f"{NODE}.together")
        places |= dict.fromkeys(self.options.ablate, f"{NODE}.ablate")
        problems = [
            f"{place}: no values of {key} are given"
            f"{did_you_mean(key, self.values.keys() - {key.partition('.')[0]})}"
            for key, place in places.items()
            if key not in self.values
        ]
        problems += [
            f"{NODE}.ablate: {key} has one value; list what it is without, then what is tried"
            for key in self.options.ablate
            if len(self.values.get(key, ())) == 1
        ]
        if problems:
            raise ConfigError(*problems)

    def combinations(self) -> list[Combination]:
        """The combinations in order, the last key changing first.

        Raises: ConfigError for pairs of different lengths, and for more than MAX_GRID_RUNS.
        """
        factors = self._factors()
        self._check_size(math.prod(map(len, factors)))
        combinations = [list(itertools.chain(*parts)) for parts in itertools.product(*factors)]
        combinations = [c for c in combinations if self._is_ablation(c)]
        for key in self.options.when:
            longer: list[Combination] = []
            for combination in combinations:
                if self.composer.applies(combination, key, self.options.when[key]):
                    longer += [[*combination, value] for value in self.values[key]]
                else:
                    longer.append(combination)
            self._check_size(len(longer))
            combinations = longer
        return [self._without_idle_values(combination) for combination in combinations]

    def _factors(self) -> list[list[Combination]]:
        """What is crossed: of every key its values, of keys that are paired their pairs."""
        partners = {key: keys for keys in self.options.zipped for key in keys}
        factors, done = [], {*self.options.when}
        for key in self.values:
            if key not in done:
                keys = partners.get(key, (key,))
                factors.append(_paired({name: self.values[name] for name in keys}))
                done |= {*keys}
        return factors

    def _is_ablation(self, combination: Combination) -> bool:
        """True where at most one of the keys that are ablated has another value than its first, or
        all have their last."""
        listed = [self.values[key] for key in self.options.ablate]
        changed = sum(values[0] not in combination for values in listed)
        return changed <= 1 or all(values[-1] in combination for values in listed)

    def _check_size(self, combinations: int) -> None:
        if combinations > MAX_GRID_RUNS:
            swept = [o for o in self.overrides.values() if o.is_sweep_override()]
            largest = max(swept, key=lambda override: len(self.values[place(override)]))
            raise ConfigError(
                f"{as_written(largest)}: more than {MAX_GRID_RUNS} runs; "
                "try fewer values, or a search"
            )

    def _without_idle_values(self, combination: Combination) -> Combination:
        """The combination without those values of the experiment that its options do not take."""
        idle: set[str] = set()
        for key in self.may_lack:
            if option := self.composer.option_without_key(combination, key):
                prefix = f"{self.overrides[key].get_key_element()}="
                texts = [text for text in combination if text.startswith(prefix)]
                idle |= {*texts}
                for text in texts:
                    self.left_out.add(with_names(text.lstrip("+")), option)
        return [text for text in combination if text not in idle]


def _paired(values: Mapping[str, list[str]]) -> list[Combination]:
    """The values of keys side by side; the one value of a key goes with all of the others.

    Raises: ConfigError where keys have several values, and not as many.
    """
    lengths = {key: len(listed) for key, listed in values.items() if len(listed) > 1}
    if len({*lengths.values()}) > 1:
        counts = ", ".join(f"{key} has {length}" for key, length in lengths.items())
        raise ConfigError(f"{NODE}.zip: pairs need as many values of each key; {counts}")
    length = max(lengths.values(), default=1)
    columns = [listed if len(listed) > 1 else listed * length for listed in values.values()]
    return [list(row) for row in zip(*columns, strict=True)]


def _values(override: Override) -> list[str]:
    """The overrides that one word stands for, of which a list or a range gives several."""
    if not override.is_sweep_override():
        return [of_one_value(override)]
    if not override.is_discrete_sweep():
        raise ConfigError(
            f"{as_written(override)}: an interval has no list of values to train; "
            "hydra/sweeper=search looks for the best"
        )
    key = override.get_key_element()
    return [f"{key}={value}" for value in listed_values(override, at_most=MAX_GRID_RUNS + 1)]
