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
        for overrides in both_ends:
            try:
                composer.compose_job(overrides)
            except ConfigError as e:
                problems.update(dict.fromkeys(e.problems))
                break  # the other end would say it with another number
    if problems:
        raise ConfigError(*problems)


def corners(composer: JobComposer, space: SearchSpace) -> Iterator[list[list[str]]]:
    """The overrides of the corners, those that differ in numbers alone together."""
    groups = [d for d in space.dimensions.values() if composer.is_group(d.key)]
    values = [d for d in space.dimensions.values() if not composer.is_group(d.key)]
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
