"""Makes one ensemble from top to bottom: members pooled, combined, compared and written."""

import logging
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lepton import build
from lepton.ensemble.combiner import Combiner, ValidationPredictions
from lepton.ensemble.machinery.ensemble_folder import ensemble_folder, write_ensemble_files
from lepton.ensemble.machinery.fitting import fit_ensemble, picked_member_score
from lepton.ensemble.machinery.member_comparison import ensemble_facts, members_table
from lepton.ensemble.machinery.members import MemberSearch, find_members
from lepton.ensemble.machinery.pool import MemberPool, make_pool
from lepton.ensemble.machinery.soups import make_soup
from lepton.ensemble.machinery.summary import EnsembleSummary, read_summary
from lepton.ensemble.soup import Soup
from lepton.errors import ConfigError
from lepton.storage.results import read_result
from lepton.storage.run_folder import LOG_FILE
from lepton.storage.run_log import logged_to
from lepton.storage.run_writing import writing_run
from lepton.storage.study import refresh_tables

log = logging.getLogger("lepton")


@dataclass(frozen=True, eq=False)
class EnsemblePlan:
    """An ensemble that can be made: its config, its possible members, its method, its folder."""

    config: dict[str, Any]
    search: MemberSearch
    method: Combiner | Soup
    pool: MemberPool
    folder: Path


def make_or_read_ensemble(config: dict[str, Any]) -> EnsembleSummary:
    """The ensemble that a checked config means: made now, or read when it is there already.

    Raises: as `plan_ensemble`.
    """
    plan = plan_ensemble(config, find_members(config["runs"]))
    if plan.search.left_out:
        log.info("runs: %s", plan.search.left_out)
    if read_result(plan.folder) and not config["rerun"]:
        log.info("%s is finished; rerun=true makes it again", plan.folder)
        return read_summary(plan.folder)
    summary = make_ensemble(plan)
    if summary.folder:
        refresh_tables(summary.folder.parent)
    return summary


def plan_ensemble(config: dict[str, Any], search: MemberSearch) -> EnsemblePlan:
    """The plan of an ensemble of the members found.

    Raises: ConfigError when the members do not go together, or with the method.
    """
    method = build.instantiate(config["method"], task=search.members[0].spec.task)
    pool = make_pool(search.members, config["metric"], across_folds=method.across_folds)
    _refuse_impossible(method, pool, config)
    return EnsemblePlan(config, search, method, pool, ensemble_folder(config, pool))


def make_ensemble(plan: EnsemblePlan) -> EnsembleSummary:
    """Combines the members; writes the ensemble unless its best member is better."""
    started = time.perf_counter()
    config, method, pool, folder = plan.config, plan.method, plan.pool, plan.folder
    validation, averager = _validation_predictions(config, pool), None
    if isinstance(method, Combiner):
        fitted = fit_ensemble(method, pool, validation, config["folds"])
    else:
        fitted, averager = make_soup(method, pool, validation)
    members = members_table(fitted)
    picked = picked_member_score(validation, config["folds"])
    facts = ensemble_facts(fitted, members, plan.search.skipped, picked=picked)
    if facts["beaten"] and not config["keep"]:
        return EnsembleSummary(None, facts, members)
    seconds = time.perf_counter() - started
    with writing_run(folder, rerun=config["rerun"]) as unfinished, logged_to(unfinished / LOG_FILE):
        for path, why in plan.search.skipped:
            log.debug("no member: %s: %s", path, why)
        write_ensemble_files(
            unfinished,
            folder,
            config,
            fitted,
            averager,
            facts=facts,
            members_table=members,
            seconds=seconds,
        )
    return read_summary(folder)


def _refuse_impossible(method: Combiner | Soup, pool: MemberPool, config: dict[str, Any]) -> None:
    """Raises: ConfigError for a method or a limit that makes no sense for these members."""
    name, task = config["choices"]["method"], pool.task.name
    if isinstance(method, Combiner) and task not in method.possible:
        raise ConfigError(f"method: {name} needs classes, and this is {task}; mean or median")
    smallest = min(entry.size for entry in pool.entries)
    if config["max_size"] is not None and config["max_size"] < smallest:
        raise ConfigError(
            f"max_size: {config['max_size']} bytes hold no member; the smallest has {smallest}"
        )


def _validation_predictions(config: dict[str, Any], pool: MemberPool) -> ValidationPredictions:
    val = pool.splits["val"]
    limits = {key: config[key] for key in ("max_members", "max_size", "seed")}
    sizes = [entry.size for entry in pool.entries]
    return ValidationPredictions(val.prediction, val.target, pool.scorer, sizes, **limits)
