"""Makes one ensemble from top to bottom: members combined, compared, and what a run holds of it."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from lepton.derived.derivation import MadeRun, NotKept
from lepton.derived.inputs import InputRun, InputSearch, run_reference
from lepton.derived.writing import shared_config
from lepton.ensemble.combiner import Combiner, ValidationPredictions
from lepton.ensemble.machinery.fitting import FittedEnsemble, fit_ensemble, picked_member_score
from lepton.ensemble.machinery.member_comparison import ensemble_facts, members_table
from lepton.ensemble.machinery.own_files import FACTS_FILE, MEMBERS_FILE, POOL_KEY
from lepton.ensemble.machinery.pool import MemberPool
from lepton.ensemble.machinery.soups import make_soup, save_soup
from lepton.ensemble.machinery.summary import EnsembleSummary
from lepton.ensemble.machinery.weight_averaging import WeightAverager
from lepton.ensemble.soup import Soup
from lepton.errors import ConfigError
from lepton.storage.files import write_json
from lepton.storage.run_folder import SPEC_FILE

if TYPE_CHECKING:
    from lepton.ensemble.derivation import Ensemble

NOTED_KEYS = ("method", "metric", "max_members", "max_size", "folds", "seed")


def make_ensemble(
    ensemble: "Ensemble", search: InputSearch, unfinished: Path, folder: Path
) -> MadeRun:
    """Combines the members, and writes the ensemble's own files.

    Raises: NotKept when its best member is better.
    """
    pool, method, averager = ensemble.pool, ensemble.combining, None
    validation = _validation_predictions(ensemble)
    if isinstance(method, Combiner):
        fitted = fit_ensemble(method, pool, validation, ensemble.folds)
    else:
        fitted, averager = make_soup(method, pool, validation)
    members = members_table(fitted)
    picked = picked_member_score(validation, ensemble.folds)
    facts = ensemble_facts(fitted, members, search.skipped, picked=picked)
    if facts["beaten"] and not ensemble.keep:
        ensemble.summary = EnsembleSummary(None, facts, members)
        raise NotKept(f"{folder}: does not beat its best member")
    _write_own_files(unfinished, folder, fitted, averager, facts=facts, members=members)
    kind = "predictions" if averager is None else "weights"
    settings = {key: getattr(ensemble, key) for key in NOTED_KEYS}
    notes = {"kind": kind, **settings, "members": _recorded_members(fitted, folder)}
    return _made_run(fitted, averager, notes, seed=ensemble.seed)


def refuse_impossible(
    method: Combiner | Soup, pool: MemberPool, max_size: int | None, *, name: str
) -> None:
    """Raises: ConfigError for a method or a limit that makes no sense for these members."""
    task, scored_task = pool.spec.task, pool.scorer.scored_task
    if isinstance(method, Combiner) and not scored_task.predicts_alike:
        raise ConfigError(
            f"method: {name} combines predictions, and those of task {scored_task.name} lie in a "
            "space of each run's own; soup averages weights of runs that start alike"
        )
    if isinstance(method, Combiner) and task not in method.possible:
        raise ConfigError(f"method: {name} needs classes, and this is {task}; mean or median")
    smallest = min(entry.size for entry in pool.entries)
    if max_size is not None and max_size < smallest:
        raise ConfigError(f"max_size: {max_size} bytes hold no member; the smallest has {smallest}")


def _validation_predictions(ensemble: "Ensemble") -> ValidationPredictions:
    pool = ensemble.pool
    val = pool.splits["val"]
    limits = {key: getattr(ensemble, key) for key in ("max_members", "max_size", "seed")}
    sizes = [entry.size for entry in pool.entries]
    return ValidationPredictions(val.prediction, val.target, pool.scorer, sizes, **limits)


def _write_own_files(
    unfinished: Path,
    folder: Path,
    fitted: FittedEnsemble,
    averager: WeightAverager | None,
    *,
    facts: dict[str, Any],
    members: pd.DataFrame,
) -> None:
    pool = fitted.pool
    members.to_parquet(unfinished / MEMBERS_FILE, index=False)
    pooled = [run_reference(member, folder) for member in pool.members]
    write_json(unfinished / FACTS_FILE, {**facts, POOL_KEY: pooled})
    if averager is not None:
        save_soup(averager, unfinished)
        return
    pool.spec.save(unfinished / SPEC_FILE)
    if not isinstance(fitted.method, Soup):
        fitted.method.save(unfinished)


def _made_run(
    fitted: FittedEnsemble, averager: WeightAverager | None, notes: dict[str, Any], *, seed: int
) -> MadeRun:
    """What a run holds of a fitted ensemble; a soup has an `averager`."""
    pool = fitted.pool
    predictions = {
        name: replace(split, prediction=fitted.predictions[name])
        for name, split in pool.splits.items()
    }
    is_soup = averager is not None
    config = fitted.members[0].config if is_soup else shared_config(fitted.members) | {"seed": seed}
    return MadeRun(
        inputs=fitted.members,
        config=config,
        task=pool.task,
        predictions=predictions,
        sizes=averager.network.sizes() if is_soup else _total_sizes(fitted.members),
        notes=notes,
    )


def _recorded_members(fitted: FittedEnsemble, folder: Path) -> list[dict[str, Any]]:
    """References to the members in use, with the number of their entry and their weight."""
    weights = fitted.weights.tolist()
    return [
        {
            **run_reference(member, folder),
            "part": number,
            "weight": weights[i] / len(fitted.pool.entries[i].members),
        }
        for number, i in enumerate(fitted.used)
        for member in fitted.pool.entries[i].members
    ]


def _total_sizes(members: list[InputRun]) -> dict[str, int]:
    keys = ("parameters", "trainable")
    return {key: sum(getattr(member.result, key) for member in members) for key in keys}
