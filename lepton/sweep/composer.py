"""Composes the jobs of a sweep: what their configs have in common is composed once."""

import copy
from collections.abc import Sequence

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig

from lepton.compat.hydra import set_values
from lepton.config.check import check
from lepton.config.compose import (
    explain_hydra_errors,
    finish_config,
    literal_overrides,
    note_revisions,
)
from lepton.config.conditions import Condition, lookup_in
from lepton.config.identity import run_folder
from lepton.config.idle_keys import option_without_key
from lepton.config.options import find_options
from lepton.config.override_reader import text_of
from lepton.config.words import restore_names, with_names
from lepton.sweep.job import Job


class JobComposer:
    """Composes the groups of a job once for every set of options, then sets its values.

    `master` is the config that Hydra composed for the sweep as a whole.
    """

    def __init__(self, master: DictConfig, loader: ConfigLoader):
        self.master, self.loader = master, loader
        self.parser = OverridesParser.create(config_loader=loader)
        self.configs_by_options: dict[tuple[str, ...], DictConfig] = {}
        self.options_without_key: dict[tuple[tuple[str, ...], str], str | None] = {}
        self.groups = {*find_options(), *loader.list_groups("")}
        self.known_groups: dict[str, bool] = {}  # Hydra copies its whole config to answer

    def compose_job(self, overrides: Sequence[str]) -> Job:
        """The run that overrides mean.

        Raises: ConfigError with every mistake.
        """
        job = self.compose_unless(overrides, ())
        assert job is not None
        return job

    def compose_unless(
        self, overrides: Sequence[str], conditions: Sequence[Condition]
    ) -> Job | None:
        """The run that overrides mean; None where one of the conditions holds for it.

        Raises: ConfigError with every mistake.
        """
        with explain_hydra_errors():
            cfg = self.compose(overrides)
            if any(condition.holds(lookup_in(cfg, cfg.choices)) for condition in conditions):
                return None
            config = check(cfg)
            return Job(tuple(overrides), config, run_folder(config))

    def applies(self, overrides: Sequence[str], key: str, condition: Condition | None) -> bool:
        """True where a condition holds, or without one where the chosen option takes the key."""
        if condition is None:
            return self.option_without_key(overrides, key) is None
        with explain_hydra_errors():
            cfg = self.compose(overrides)
            return condition.holds(lookup_in(cfg, cfg.choices))

    def option_without_key(self, overrides: Sequence[str], key: str) -> str | None:
        """The option that lacks a key which others of its group take; None where it takes it."""
        chosen = tuple(o for o in overrides if self.is_group(o.lstrip("+").partition("=")[0]))
        if (chosen, key) not in self.options_without_key:
            with explain_hydra_errors():
                cfg = self.compose(chosen)
                self.options_without_key[chosen, key] = option_without_key(cfg, cfg.choices, key)
        return self.options_without_key[chosen, key]

    def compose(self, overrides: Sequence[str]) -> DictConfig:
        """The config that overrides mean, not yet checked."""
        parsed = self.parser.parse_overrides(list(overrides))
        options = tuple(text_of(o) for o in parsed if self._chooses_option(o))
        if options not in self.configs_by_options:
            cfg = self.loader.load_sweep_config(
                self.master, [*options, *self._search_space(options)]
            )
            choices = cfg.hydra.runtime.choices
            self.configs_by_options[options] = finish_config(cfg, (), choices=choices)
        cfg = copy.deepcopy(self.configs_by_options[options])
        set_values(cfg, [o for o in parsed if not self._chooses_option(o)])
        restore_names(cfg)
        cfg.overrides = literal_overrides([with_names(text) for text in overrides])
        note_revisions(cfg)
        return cfg

    def _search_space(self, options: Sequence[str]) -> list[str]:
        """The named space, which a trial's overrides leave out: Hydra 1.4 wants it in each job."""
        name = self.master.hydra.runtime.choices.get("search")
        is_given = any(option.startswith("search=") for option in options)
        return [] if is_given or not name else [f"search={name}"]

    def _chooses_option(self, override: Override) -> bool:
        key = override.key_or_group
        return override.package is not None or key.startswith("hydra") or self.is_group(key)

    def is_group(self, key: str) -> bool:
        """True for a key that is a group of options, as `model` is."""
        if "/" not in key:
            return key in self.groups
        if key not in self.known_groups:
            is_listed = bool(self.loader.get_group_options(key))
            self.known_groups[key] = is_listed or key in self.groups  # of the user's own
        return self.known_groups[key]
