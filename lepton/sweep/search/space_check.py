"""Mistakes in a search space, found by composing its corners before a trial is asked for."""

import itertools
from collections.abc import Iterator

from lepton.errors import ConfigError
from lepton.sweep.composer import JobComposer
from lepton.sweep.search.space import SearchSpace

MAX_COMBINATIONS = 100  # of options that are composed; a combination costs about 20 ms


def check_space(composer: JobComposer, space: SearchSpace) -> None:
    """Composes every combination of options at both ends of all numbers, and every choice once.

    Raises: ConfigError with the mistakes of all of them.
    """
    problems: dict[str, None] = {}
    for both_ends in corners(composer, space):
        for end, overrides in enumerate(both_ends):
            try:
                composer.compose_job(_with_conditional(composer, space, overrides, end))
            except ConfigError as e:
                problems.update(dict.fromkeys(e.problems))
                break  # the other end would say it with another number
    if problems:
        raise ConfigError(*problems)


def _with_conditional(
    composer: JobComposer, space: SearchSpace, overrides: list[str], end: int
) -> list[str]:
    """A corner with the first or last value of the keys that it has by a condition."""
    for key, condition in space.conditions.items():
        if composer.applies(overrides, key, condition):
            overrides = [*overrides, space.dimensions[key].end_overrides()[end]]
    return overrides


def corners(composer: JobComposer, space: SearchSpace) -> Iterator[list[list[str]]]:
    """The overrides of the corners, those that differ in numbers alone together."""
    dimensions = space.unconditional().values()
    groups = [d for d in dimensions if composer.is_group(d.key)]
    values = [d for d in dimensions if not composer.is_group(d.key)]
    ends = [d.end_overrides() for d in values]
    low, high = [end[0] for end in ends], [end[1] for end in ends]
    options = [[d.override(option) for option in d.options] for d in groups]
    for chosen in itertools.islice(itertools.product(*options), MAX_COMBINATIONS):
        start = [*space.fixed, *chosen]
        yield [[*start, *low], [*start, *high]]
    start = [*space.fixed, *(overrides[0] for overrides in options)]
    for i, d in enumerate(values):
        for option in () if d.numeric else d.options[1:-1]:
            yield [[*start, *low[:i], d.override(option), *low[i + 1 :]]]
