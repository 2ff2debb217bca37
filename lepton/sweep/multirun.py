"""`lepton train -m` and what `lepton check` shows of it: a grid's plan, or the search so far."""

from collections.abc import Sequence

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from lepton.compat.hydra import run_sweep
from lepton.config.compose import (
    explain_hydra_errors,
    finish_config,
    hydra_session,
    refuse_recipe,
    search_path_overrides,
)
from lepton.config.node_checks import plain_dict
from lepton.config.overrides import parse_overrides
from lepton.config.trust import check_plugins
from lepton.config.words import with_names
from lepton.errors import ConfigError, MisreadOverrides, NothingToSearch
from lepton.sweep.grid_options import GridOptions, read_grid_options
from lepton.sweep.plan import SweepPlan, plan_grid


def plan_runs(overrides: Sequence[str], *, sweep: bool) -> SweepPlan:
    """The plan of what `lepton train` would run for these overrides, with -m or without.

    Raises: ConfigError with every mistake, one line each.
    """
    hydra_words = [*search_path_overrides(), *hydra_overrides(overrides, sweep=sweep)]
    with explain_hydra_errors(), hydra_session() as hydra:
        loader = hydra.config_loader
        master = loader.load_configuration("train", hydra_words, RunMode.MULTIRUN)
        check_plugins(master.hydra)
        task_overrides = OmegaConf.to_container(master.hydra.overrides.task, resolve=False)
        assert isinstance(task_overrides, list)
        if sweep and master.hydra.sweeper._target_.endswith(".Search"):
            from lepton.sweep.search.preview import preview_search

            return preview_search(master, loader, task_overrides)
        if not sweep:
            refuse_recipe(master, "which is a sweep; add -m")
        options = read_grid_options(plain_dict(master.hydra.sweeper)) if sweep else GridOptions()
        retry_failed = master.hydra.sweeper.get("retry_failed", True)
        return plan_grid(master, loader, options, task_overrides, retry_failed=retry_failed)


def multirun(overrides: Sequence[str]) -> None:
    """Hands a sweep to the sweeper and the launcher that the config names."""
    hydra_words = [*search_path_overrides(), *hydra_overrides(overrides, sweep=True)]
    with explain_hydra_errors(), hydra_session() as hydra:
        loader = hydra.config_loader
        check_plugins(loader.load_configuration("train", hydra_words, RunMode.MULTIRUN).hydra)
        run_sweep(hydra, "train", train_composed, hydra_words)


def train_composed(cfg: DictConfig) -> float:
    """Trains a job that Hydra composed, for a launcher that is not lepton's; returns its score."""
    from lepton.run import train

    hydra = HydraConfig.get()
    overrides = [with_names(text) for text in hydra.overrides.task]
    return train(finish_config(cfg, overrides, choices=hydra.runtime.choices)).score


def hydra_overrides(overrides: Sequence[str], *, sweep: bool) -> list[str]:
    """The overrides of a command line as Hydra wants them.

    Raises: ConfigError with those that cannot be read, and the mistakes in those that can.
    """
    try:
        return parse_overrides(overrides, sweep=sweep)
    except MisreadOverrides as e:
        raise e.beside(_problems(e.readable, sweep=sweep)) from None


def _problems(overrides: Sequence[str], *, sweep: bool) -> tuple[str, ...]:
    """The mistakes in overrides that can be read."""
    try:
        plan_runs(overrides, sweep=sweep)
    except NothingToSearch:
        return ()
    except ConfigError as e:
        return e.problems
    return ()
