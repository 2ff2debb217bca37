"""`lepton train -m` and what `lepton check` shows of it: a grid's plan, or the search so far."""

from collections.abc import Sequence

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import OmegaConf

from lepton.compat.hydra import run_sweep
from lepton.config.compose import (
    explain_hydra_errors,
    finish_config,
    hydra_session,
    search_path_overrides,
)
from lepton.config.overrides import parse_overrides
from lepton.config.trust import check_plugins
from lepton.errors import ConfigError, MisreadOverrides, NothingToSearch
from lepton.sweep.plan import Plan, plan


def planned(overrides: Sequence[str], *, sweep: bool) -> Plan:
    """What `lepton train` would run for these overrides, with -m or without.

    Raises: ConfigError with every mistake, one line each.
    """
    words = [*search_path_overrides(), *readable(overrides, sweep=sweep)]
    with explain_hydra_errors(), hydra_session() as hydra:
        loader = hydra.config_loader
        master = loader.load_configuration("train", words, RunMode.MULTIRUN)
        check_plugins(master.hydra)
        asked = OmegaConf.to_container(master.hydra.overrides.task, resolve=False)
        if sweep and master.hydra.sweeper._target_.endswith(".Search"):
            from lepton.sweep.search.sweeper import preview

            return preview(master, loader, asked)
        params = master.hydra.sweeper.params if sweep else {}
        retry = master.hydra.sweeper.get("retry_failed", True)
        return plan(master, loader, params, asked, retry_failed=retry)


def multirun(overrides: Sequence[str]) -> None:
    """Hands a sweep to the sweeper and the launcher that the config names."""
    words = [*search_path_overrides(), *readable(overrides, sweep=True)]
    with explain_hydra_errors(), hydra_session() as hydra:
        check_plugins(
            hydra.config_loader.load_configuration("train", words, RunMode.MULTIRUN).hydra
        )
        run_sweep(hydra, "train", train_composed, words)


def train_composed(cfg) -> float:
    """What a launcher that is not lepton's calls for each job, with Hydra's own composition."""
    from lepton.run import train

    hydra = HydraConfig.get()
    return train(finish_config(cfg, hydra.overrides.task, choices=hydra.runtime.choices)).score


def readable(overrides: Sequence[str], *, sweep: bool) -> list[str]:
    """The overrides as Hydra wants them.

    Raises: ConfigError with those that cannot be read, and the mistakes in those that can.
    """
    try:
        return parse_overrides(overrides, sweep=sweep)
    except MisreadOverrides as e:
        raise ConfigError(*e.problems, *_mistakes(e.readable, sweep=sweep)) from None


def _mistakes(words: Sequence[str], *, sweep: bool) -> tuple[str, ...]:
    try:
        planned(words, sweep=sweep)
    except NothingToSearch:
        return ()
    except ConfigError as e:
        return e.problems
    return ()
