"""The run folder of an ensemble: where it lies, and the files that it holds."""

import hashlib
import json
import os
import re
from pathlib import Path
from typing import Any

import pandas as pd

from lepton.ensemble.machinery.ensemble_config import ensemble_config, ensemble_model_name
from lepton.ensemble.machinery.fitting import FittedEnsemble
from lepton.ensemble.machinery.members import MemberRun, member_reference
from lepton.ensemble.machinery.pool import MemberPool
from lepton.ensemble.machinery.soups import save_soup
from lepton.ensemble.machinery.summary import FACTS_FILE, MEMBERS_FILE, POOL_KEY
from lepton.ensemble.machinery.weight_averaging import WeightAverager
from lepton.ensemble.soup import Soup
from lepton.storage.files import write_json
from lepton.storage.finished_run import write_outcome, write_settings
from lepton.storage.predictions import SplitPredictions
from lepton.storage.run_folder import SPEC_FILE

ENSEMBLE_FORMAT = 1  # raised when the same words would mean another ensemble
NAMED_KEYS = ("method", "max_members", "max_size", "folds", "seed")  # that the name depends on


def ensemble_folder(config: dict[str, Any], pool: MemberPool) -> Path:
    """The folder of an ensemble, named by what it is made of."""
    identity = {key: config[key] for key in NAMED_KEYS}
    identity |= {"metric": pool.scorer.metric, "format": ENSEMBLE_FORMAT}
    identity["members"] = sorted((member.run, member.digest) for member in pool.members)
    digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()
    dataset = pool.members[0].config["choices"].get("dataset", "data")
    name = f"{dataset}-{ensemble_model_name(config)}-s{config['seed']}"
    plain_name = re.sub(r"[^A-Za-z0-9._+-]", "_", name)
    return _study_folder(config["study"], pool) / f"{plain_name}-{digest[:10]}"


def _study_folder(requested: str | None, pool: MemberPool) -> Path:
    """The members' study where that is one, else the one requested, beside the first member's."""
    studies = sorted({member.folder.absolute().parent for member in pool.members})
    if requested is None and len(studies) == 1:
        study = studies[0]
    else:
        study = studies[0].parent / (requested or "ensembles")
    return Path(os.path.relpath(study)) if study.is_relative_to(Path.cwd()) else study


def write_ensemble_files(
    unfinished: Path,
    folder: Path,
    config: dict[str, Any],
    fitted: FittedEnsemble,
    averager: WeightAverager | None,
    *,
    facts: dict[str, Any],
    members_table: pd.DataFrame,
    seconds: float,
) -> None:
    """Writes an ensemble into `unfinished`, which becomes `folder`; a soup has an `averager`."""
    pool = fitted.pool
    members_table.to_parquet(unfinished / MEMBERS_FILE, index=False)
    pooled = [member_reference(member, folder) for member in pool.members]
    write_json(unfinished / FACTS_FILE, {**facts, POOL_KEY: pooled})
    kind = "predictions" if averager is None else "weights"
    stored_config = ensemble_config(config, fitted, folder, kind=kind)
    write_settings(stored_config, unfinished)
    if averager is None:
        pool.spec.save(unfinished / SPEC_FILE)
        if not isinstance(fitted.method, Soup):
            fitted.method.save(unfinished)
    else:
        save_soup(averager, unfinished)
    predictions = {
        name: SplitPredictions(split.ids, split.target, fitted.predictions[name])
        for name, split in pool.splits.items()
    }
    metrics = {
        f"{name}/{metric}": value
        for name, split in predictions.items()
        for metric, value in pool.task.score(split.prediction, split.target).items()
    }
    rows = {name: len(split.ids) for name, split in predictions.items()}
    first = fitted.members[0].result
    write_outcome(
        unfinished,
        config=stored_config,
        columns=pool.task.columns,
        predictions=predictions,
        history=[],
        run=folder.name,
        metrics=metrics,
        constant=_mean_constant(fitted.members),
        score=pool.task.as_score(metrics[f"val/{pool.scorer.metric}"]),
        seconds=seconds,
        trained="ensemble",
        epochs=0,
        best_epoch=0,
        rows={"train": first.rows["train"], **rows},
        cleaning=first.cleaning,
        **(_total_sizes(fitted.members) if averager is None else averager.network.sizes()),
    )


def _mean_constant(members: list[MemberRun]) -> dict[str, float]:
    """The metrics of the members' constant predictor; over folds their mean."""
    constants = [member.result.constant for member in members]
    names = [name for name in constants[0] if all(name in other for other in constants)]
    return {name: sum(other[name] for other in constants) / len(constants) for name in names}


def _total_sizes(members: list[MemberRun]) -> dict[str, int]:
    keys = ("parameters", "trainable")
    return {key: sum(getattr(member.result, key) for member in members) for key in keys}
