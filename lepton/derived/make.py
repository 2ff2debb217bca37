"""Makes a run of other runs from top to bottom: inputs accepted, made, written, or read again."""

import hashlib
import json
import logging
import os
import time
from dataclasses import dataclass
from pathlib import Path

from lepton.config.data_identity import data_name
from lepton.config.younger_keys import revisions_of
from lepton.derived.derivation import Derivation, NotKept
from lepton.derived.inputs import InputSearch
from lepton.derived.writing import model_name, write_made_run
from lepton.errors import Finished
from lepton.storage.results import read_result
from lepton.storage.run_folder import LOG_FILE
from lepton.storage.run_log import logged_to
from lepton.storage.run_names import readable_name, run_name
from lepton.storage.run_writing import writing_run
from lepton.storage.study import refresh_tables

log = logging.getLogger("lepton")


@dataclass(frozen=True, eq=False)
class DerivationPlan:
    """A run that can be made: what was asked for, of which runs, and where it will lie."""

    derivation: Derivation
    search: InputSearch
    folder: Path


def plan_derivation(derivation: Derivation, search: InputSearch) -> DerivationPlan:
    """The plan of a run of the inputs found.

    Raises: ConfigError when the inputs do not go together, or not with the settings.
    """
    derivation.accept(search)
    return DerivationPlan(derivation, search, _folder(derivation, search))


def make_or_read(plan: DerivationPlan) -> Path | None:
    """The folder of a planned run: made now, or there already; None where it is not kept."""
    request = plan.derivation.request
    if plan.search.left_out:
        log.info("runs: %s", plan.search.left_out)
    if read_result(plan.folder) and not request.rerun:
        log.info("%s is finished; rerun=true makes it again", plan.folder)
        return plan.folder
    try:
        make(plan)
    except Finished as e:
        log.info("%s", e)
        return e.folder
    except NotKept:
        return None
    refresh_tables(plan.folder.parent)
    return plan.folder


def make(plan: DerivationPlan) -> None:
    """Makes a planned run and writes its folder: whole, or not at all.

    Raises: NotKept where no run shall come of it; Locked while another process makes it.
    """
    derivation, folder = plan.derivation, plan.folder
    rerun = derivation.request.rerun
    with writing_run(folder, rerun=rerun) as unfinished, logged_to(unfinished / LOG_FILE):
        for path, why in plan.search.skipped:
            log.debug("no input: %s: %s", path, why)
        started = time.perf_counter()
        made = derivation.make(plan.search, unfinished, folder)
        seconds = time.perf_counter() - started
        write_made_run(made, derivation, unfinished, folder, seconds=seconds)


def _folder(derivation: Derivation, search: InputSearch) -> Path:
    """The folder of a run, named by what it is made of."""
    request = derivation.request
    revisions = revisions_of(request.changes)
    identity = derivation.identity(search) | ({"revisions": revisions} if revisions else {})
    words = [data_name(search.inputs[0].config), model_name(request)]
    if "seed" in request.settings:
        words.append(f"s{request.settings['seed']}")
    digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()
    study = _study_folder(derivation, search)
    return study / run_name(study, readable_name(words), digest[:10])


def _study_folder(derivation: Derivation, search: InputSearch) -> Path:
    """The inputs' study where that is one, else the one requested, beside the first input's."""
    requested = derivation.request.study
    studies = sorted({run.folder.absolute().parent for run in search.inputs})
    if requested is None and len(studies) == 1:
        study = studies[0]
    else:
        study = studies[0].parent / (requested or derivation.study_name)
    return Path(os.path.relpath(study)) if study.is_relative_to(Path.cwd()) else study
