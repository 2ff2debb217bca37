"""Which runs a sweep consists of: every job composed once, checked before the first starts."""

import copy
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.types import RunMode
from omegaconf import OmegaConf

from lepton.check import check, check_plugins
from lepton.config import as_given, explained, finish, search_path, session, tidy
from lepton.errors import ConfigError
from lepton.identity import run_folder
from lepton.results import RESULT


@dataclass(frozen=True)
class Job:
    """One run of a sweep: what was asked for, its config as plain values, its folder."""

    overrides: tuple[str, ...]
    config: dict[str, Any]
    folder: Path

    @property
    def finished(self) -> bool:
        return (self.folder / RESULT).is_file() and not self.config["rerun"]

    def __str__(self) -> str:
        return " ".join(word.lstrip("+") for word in self.overrides)


@dataclass(frozen=True)
class Plan:
    """The distinct runs of a sweep, in order, and how many combinations meant them."""

    jobs: list[Job]
    combinations: int

    @property
    def to_do(self) -> list[Job]:
        return [job for job in self.jobs if not job.finished]

    def __str__(self) -> str:
        runs, doubled = len(self.jobs), self.combinations - len(self.jobs)
        same = (
            f" ({self.combinations} combinations, {doubled} mean the same run)" if doubled else ""
        )
        left, word = len(self.to_do), "run" if runs == 1 else "runs"
        return f"{runs} {word}{same}: {runs - left} finished, {left} to train"


def planned(overrides: Sequence[str], *, sweep: bool) -> Plan:
    """What `lepton train` would run for these overrides, with -m or without."""
    words = [*search_path(), *tidy(overrides, sweep=sweep)]
    with explained(), session() as hydra:
        loader = hydra.config_loader
        master = loader.load_configuration("train", words, RunMode.MULTIRUN)
        check_plugins(master.hydra)
        params = master.hydra.sweeper.params if sweep else {}
        asked = OmegaConf.to_container(master.hydra.overrides.task, resolve=False)
        return plan(master, loader, params, asked)


def multirun(overrides: Sequence[str]) -> None:
    """`lepton train -m`: hands the sweep to the sweeper and the launcher that the config names."""
    words = [*search_path(), *tidy(overrides, sweep=True)]
    with explained(), session() as hydra:
        check_plugins(
            hydra.config_loader.load_configuration("train", words, RunMode.MULTIRUN).hydra
        )
        hydra.multirun("train", train_composed, words, with_log_configuration=False)


def train_composed(cfg) -> float:
    """What a launcher that is not lepton's calls for each job, with Hydra's own composition."""
    from hydra.core.hydra_config import HydraConfig

    from lepton.run import train

    hydra = HydraConfig.get()
    return train(finish(cfg, hydra.overrides.task, choices=hydra.runtime.choices)).score


def plan(master, loader: ConfigLoaderImpl, params: dict, arguments: Sequence[str]) -> Plan:
    """Every combination of an experiment's own sweep and of the arguments, composed and checked.

    Raises: ConfigError with the mistakes of all jobs.
    """
    composer, jobs, problems = Composer(master, loader), {}, {}
    named = tidy([f"{key}={value}" for key, value in params.items()], sweep=True)
    combinations = expand(composer.parser, [*named, *arguments])
    for words in combinations:
        try:
            with explained():
                config = check(composer.compose(words))
                job = Job(tuple(words), config, run_folder(config))
        except ConfigError as e:
            problems.update(dict.fromkeys(e.problems))
        else:
            jobs.setdefault(job.folder, job)
    if problems:
        raise ConfigError(*problems)
    return Plan(list(jobs.values()), len(combinations))


def expand(parser: OverridesParser, arguments: Sequence[str]) -> list[list[str]]:
    """The product of all values given, one list of overrides a job; a later key wins.

    Raises: ConfigError for a range that holds no value or needs a search.
    """
    choices: dict[str, list[str]] = {}
    for override in parser.parse_overrides(list(arguments)):
        key = override.get_key_element()
        if not override.is_sweep_override():
            choices[key] = [f"{key}={override.get_value_element_as_str()}"]
            continue
        if not override.is_discrete_sweep():
            raise ConfigError(f"{override.input_line}: an interval has no list of values to train")
        choices[key] = [f"{key}={value}" for value in override.sweep_string_iterator()]
        if not choices[key]:
            raise ConfigError(f"{override.input_line}: holds no value")
    return [list(words) for words in itertools.product(*choices.values())]


class Composer:
    """Composes the groups of a job once for every set of options, then sets its values."""

    def __init__(self, master, loader: ConfigLoaderImpl):
        self.master, self.loader = master, loader
        self.parser = OverridesParser.create(config_loader=loader)
        self.composed: dict[tuple[str, ...], Any] = {}
        self.groups: dict[str, bool] = {}  # Hydra copies its whole config to answer

    def compose(self, words: Sequence[str]):
        parsed = self.parser.parse_overrides(list(words))
        groups = tuple(o.input_line for o in parsed if self._is_group(o))
        if groups not in self.composed:
            cfg = self.loader.load_sweep_config(self.master, list(groups))
            self.composed[groups] = finish(cfg, (), choices=cfg.hydra.runtime.choices)
        cfg = copy.deepcopy(self.composed[groups])
        values = [o for o in parsed if not self._is_group(o)]
        ConfigLoaderImpl._apply_overrides_to_config(values, cfg)
        cfg.overrides = as_given(words)
        return cfg

    def _is_group(self, override: Override) -> bool:
        key = override.key_or_group
        if override.package is not None or key.startswith("hydra"):
            return True
        if key not in self.groups:
            self.groups[key] = bool(self.loader.get_group_options(key))
        return self.groups[key]
