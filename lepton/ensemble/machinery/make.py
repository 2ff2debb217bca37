"""One ensemble from top to bottom: members found, held together, combined, judged, written."""

import hashlib
import json
import logging
import os
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lepton import build
from lepton.ensemble.combiner import Combiner, Known
from lepton.ensemble.machinery.blend import blend, picked
from lepton.ensemble.machinery.comparison import facts, table
from lepton.ensemble.machinery.members import Found, read_members
from lepton.ensemble.machinery.outcome import FACTS, MEMBERS, POOL, Outcome, read
from lepton.ensemble.machinery.pool import Pool, make_pool
from lepton.ensemble.machinery.souping import make_soup
from lepton.ensemble.machinery.write import model_name, place, write
from lepton.ensemble.soup import Soup
from lepton.errors import ConfigError
from lepton.run import logged_to
from lepton.storage.files import write_json
from lepton.storage.results import read_result
from lepton.storage.run_folder import LOG_FILE
from lepton.storage.run_writing import writing_run
from lepton.storage.study import refresh_tables

log = logging.getLogger("lepton")
FORMAT = 1  # raised when the same words would mean another ensemble


@dataclass(frozen=True, eq=False)
class Plan:
    """What a checked config means: who may be a member, how they become one, and where it goes."""

    plain: dict[str, Any]
    found: Found
    method: Combiner | Soup
    pool: Pool
    folder: Path


def ensemble(plain: dict[str, Any]) -> Outcome:
    """The ensemble that a checked config means: made now, or read when it is there already.

    Raises: as `planned`.
    """
    plan = planned(plain, read_members(plain["runs"]))
    if plan.found.left_out:
        log.info("runs: %s", plan.found.left_out)
    if read_result(plan.folder) and not plain["rerun"]:
        log.info("%s is finished; rerun=true makes it again", plan.folder)
        return read(plan.folder)
    made = make(plan)
    if made.folder:
        refresh_tables(made.folder.parent)
    return made


def planned(plain: dict[str, Any], found: Found) -> Plan:
    """Raises: ConfigError when the members do not go together, or with the method."""
    method = build.instantiate(plain["method"], task=found.members[0].spec.task)
    pool = make_pool(found.members, plain["metric"], across_folds=method.across_folds)
    _possible(method, pool, plain)
    return Plan(plain, found, method, pool, _folder(plain, pool))


def make(plan: Plan) -> Outcome:
    """Combines the members, and writes what came of it unless its best member is better."""
    started = time.perf_counter()
    plain, method, pool, folder = plan.plain, plan.method, plan.pool, plan.folder
    known, average = _known(plain, pool), None
    if isinstance(method, Combiner):
        made = blend(method, pool, known, plain["folds"])
    else:
        made, average = make_soup(method, pool, known)
    members = table(made)
    about = facts(made, members, plan.found.skipped, picked=picked(known, plain["folds"]))
    if about["beaten"] and not plain["keep"]:
        return Outcome(None, about, members)
    seconds = time.perf_counter() - started
    with writing_run(folder, rerun=plain["rerun"]) as part, logged_to(part / LOG_FILE):
        for path, why in plan.found.skipped:
            log.debug("no member: %s: %s", path, why)
        members.to_parquet(part / MEMBERS, index=False)
        pooled = [place(member, folder) for member in pool.members]
        write_json(part / FACTS, {**about, POOL: pooled})
        write(plain, made, average, part, folder=folder, seconds=seconds)
    return read(folder)


def _possible(method: Combiner | Soup, pool: Pool, plain: dict[str, Any]) -> None:
    """Refuses what makes no sense for these members."""
    name, task = plain["choices"]["method"], pool.spec.task
    if isinstance(method, Combiner) and task not in method.possible:
        raise ConfigError(f"method: {name} needs classes, and this is {task}; mean or median")
    smallest = min(part.size for part in pool.parts)
    if plain["max_size"] is not None and plain["max_size"] < smallest:
        raise ConfigError(
            f"max_size: {plain['max_size']} bytes hold no member; the smallest has {smallest}"
        )


def _known(plain: dict[str, Any], pool: Pool) -> Known:
    val = pool.splits["val"]
    limits = {key: plain[key] for key in ("max_members", "max_size", "seed")}
    sizes = [part.size for part in pool.parts]
    return Known(val.prediction, val.target, pool.judge, sizes, **limits)


def _folder(plain: dict[str, Any], pool: Pool) -> Path:
    """Where this ensemble lives, named by what it is made of."""
    kept = {k: plain[k] for k in ("method", "max_members", "max_size", "folds", "seed")}
    kept |= {"metric": pool.judge.metric, "format": FORMAT}
    kept["members"] = sorted((member.run, member.digest) for member in pool.members)
    text = json.dumps(kept, sort_keys=True)
    places = {member.folder.absolute().parent for member in pool.members}
    where = _study(plain["study"], sorted(places))
    dataset = pool.members[0].config["choices"].get("dataset", "data")
    name = f"{dataset}-{model_name(plain)}-s{plain['seed']}"
    plain_name = re.sub(r"[^A-Za-z0-9._+-]", "_", name)
    return where / f"{plain_name}-{hashlib.sha256(text.encode()).hexdigest()[:10]}"


def _study(asked: str | None, places: list[Path]) -> Path:
    """The members' study where that is one, else the one asked for, beside the first member's."""
    if asked is None and len(places) == 1:
        found = places[0]
    else:
        found = places[0].parent / (asked or "ensembles")
    return Path(os.path.relpath(found)) if found.is_relative_to(Path.cwd()) else found
