"""Composes the jobs of a sweep: what their configs have in common is composed once."""

import copy
from collections.abc import Sequence
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig

from lepton.compat.hydra import set_values
from lepton.config.check import CheckMemory, check_values
from lepton.config.compose import (
    explain_hydra_errors,
    literal_overrides,
    note_revisions,
)
from lepton.config.conditions import Condition, lookup_in
from lepton.config.identity import run_folder
from lepton.config.idle_keys import Memory, option_without_key
from lepton.config.node_checks import resolved_config
from lepton.config.override_reader import text_of
from lepton.config.words import restore_names, with_names
from lepton.sweep.job import Job
from lepton.sweep.option_configs import OptionConfigs


class JobComposer:
    """Composes the options of jobs, each once, then sets the values of a job.

    `master` is the config that Hydra composed for the sweep as a whole.
    """

    def __init__(self, master: DictConfig, loader: ConfigLoader):
        self.master, self.loader = master, loader
        self.parser = OverridesParser.create(config_loader=loader)
        self.option_configs = OptionConfigs(master, loader)
        self.parsed: dict[str, Override] = {}
        self.memory: CheckMemory = {}
        self.option_files: Memory = {}
        self.options_without_key: dict[tuple[tuple[str, ...], str], str | None] = {}
        self.groups = {*self.option_configs.files, *loader.list_groups("")}
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
            plain = self._plain_config(overrides)
            cfg: Any = self.compose(overrides) if plain is None else plain
            if any(condition.holds(lookup_in(cfg, cfg["choices"])) for condition in conditions):
                return None
            config = check_values(resolved_config(cfg) if plain is None else plain, self.memory)
            return Job(tuple(overrides), config, run_folder(config))

    def applies(self, overrides: Sequence[str], key: str, condition: Condition | None) -> bool:
        """True where a condition holds, or without one where the chosen option takes the key."""
        if condition is None:
            return self.option_without_key(overrides, key) is None
        with explain_hydra_errors():
            cfg = self._plain_config(overrides) or self.compose(overrides)
            return condition.holds(lookup_in(cfg, cfg["choices"]))

    def option_without_key(self, overrides: Sequence[str], key: str) -> str | None:
        """The option that lacks a key which others of its group take; None where it takes it."""
        chosen = tuple(o for o in overrides if self.is_group(o.lstrip("+").partition("=")[0]))
        if (chosen, key) not in self.options_without_key:
            with explain_hydra_errors():
                cfg = self._plain_config(chosen) or self.compose(chosen)
                option = option_without_key(cfg, cfg["choices"], key, self.option_files)
                self.options_without_key[chosen, key] = option
        return self.options_without_key[chosen, key]

    def compose(self, overrides: Sequence[str]) -> DictConfig:
        """The config that overrides mean, not yet checked."""
        options, values = self._parsed(overrides)
        cfg = copy.deepcopy(self.option_configs.composed(options))
        set_values(cfg, values)
        restore_names(cfg)
        cfg.overrides = literal_overrides([with_names(text) for text in overrides])
        note_revisions(cfg)
        return cfg

    def _plain_config(self, overrides: Sequence[str]) -> dict[str, Any] | None:
        """The resolved config that overrides mean, made without OmegaConf where that is enough."""
        options, values = self._parsed(overrides)
        template = self.option_configs.template(options)
        return None if template is None else template.job_config(values, overrides)

    def _parsed(self, overrides: Sequence[str]) -> tuple[tuple[str, ...], list[Override]]:
        """The overrides that choose options, and those that set values."""
        for text in overrides:
            if text not in self.parsed:
                (self.parsed[text],) = self.parser.parse_overrides([text])
        parsed = [self.parsed[text] for text in overrides]
        options = tuple(text_of(o) for o in parsed if self._chooses_option(o))
        return options, [o for o in parsed if not self._chooses_option(o)]

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
