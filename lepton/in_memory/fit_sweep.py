"""fit of a sweep: an experiment's sweep over rows in memory, and the one run that it makes."""

from collections.abc import Sequence
from pathlib import Path

from lepton.config.compose import compose_unchecked
from lepton.errors import LeptonError
from lepton.in_memory.given_rows import GivenRows
from lepton.in_memory.given_words import kept, set_by, tables_by_key, text_of, words_of_rows
from lepton.in_memory.kept_tables import kept_path
from lepton.sweep.ended_studies import collecting_ends
from lepton.sweep.multirun import multirun

PLACES = ("runs=", "study=")  # what says where the rows are kept


def fit_sweep(given: GivenRows, overrides: Sequence[str], budget: object) -> Path:
    """The folder of the run that a sweep over given rows makes of its runs; rows are kept first.

    Raises: LeptonError where the words make no run of the sweep's runs.
    """
    words, values = words_of_rows(given, overrides), set_by(overrides)
    cfg = compose_unchecked(*(word for word in overrides if word.startswith(PLACES)))
    study = cfg.study if "study" in values else values.get("experiment", cfg.study)
    folder = Path(cfg.runs) / str(study)
    tables = {path: kept_path(table, folder) for path, table in tables_by_key(given).items()}
    places = [f"{key}={text_of(str(path))}" for key, path in tables.items()]
    with kept(given, tables), collecting_ends() as ended:
        multirun([f"study={text_of(study)}", *words, *places, f"budget={budget}"])
    if not ended.made:
        raise LeptonError(
            "fit: a budget is for a sweep that makes one run of its runs, as "
            "experiment=best_tabular; lepton.multirun trains any other"
        )
    return ended.made[0]
