"""Overrides of a sweep, which may hold several values, and an experiment's own ones."""

import itertools
from collections.abc import Mapping

from hydra.core.override_parser.types import Override

from lepton.config.override_reader import text_of
from lepton.config.overrides import parse_overrides
from lepton.config.words import with_inner_keys
from lepton.errors import ConfigError


def params_as_overrides(params: Mapping[str, str]) -> list[str]:
    """The overrides that an experiment's own sweep, hydra.sweeper.params, stands for."""
    return parse_overrides([f"{key}={value}" for key, value in params.items()], sweep=True)


def place(override: Override) -> str:
    """What an override sets, as it is typed: a key, a group, or the key of an option in another."""
    key = override.key_or_group
    return key if override.package is None else with_inner_keys(f"{key}@{override.package}")


def listed_values(override: Override, *, at_most: int | None = None) -> list[str]:
    """The values of a list or a range, in order.

    Raises: ConfigError when there is none, or a range has a step of 0.
    """
    try:
        values = list(itertools.islice(override.sweep_string_iterator(), at_most))
    except ValueError as e:  # a step of 0
        raise ConfigError(f"{as_written(override)}: {e}") from None
    if not values:
        raise ConfigError(f"{as_written(override)}: holds no value")
    return values


def of_one_value(override: Override) -> str:
    """The word for a job of an override that sweeps nothing; ~KEY stays without a value."""
    key = override.get_key_element()
    has_value = not override.is_delete() or override.value_type is not None
    return f"{key}={override.get_value_element_as_str()}" if has_value else key


def as_written(override: Override) -> str:
    """An override as the user wrote it."""
    return text_of(override).lstrip("+")
