"""The inputs of commands between runs: finished runs, found by their folders and read."""

import hashlib
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from lepton.analysis.data_sets import with_data_sets
from lepton.analysis.run_filter import filter_runs
from lepton.derived.classes import derivation_class
from lepton.derived.run_paths import find_run_folders
from lepton.errors import ConfigError, LeptonError
from lepton.pretrained.weight_files import OWN_MODEL_FILES, own_model_files
from lepton.spec import DataSpec
from lepton.storage.derived_record import read_record, training_config
from lepton.storage.predictions import PREDICTED_SPLITS, SplitPredictions, read_predictions
from lepton.storage.results import Result, finished_result, no_finished_run, require_test_split
from lepton.storage.run_folder import (
    FAILURE_FILE,
    RESULT_FILE,
    SPEC_FILE,
    STATE_SUFFIXES,
    read_failure_file,
)
from lepton.storage.study_table import row_of_result, table_of_rows

NEEDED_KEYS = ("task", "dataset", "choices")  # of an input's config
MAX_NAMES_SHOWN = 4  # in a message


class NoInput(LeptonError):
    """The run was made of others, and is no input of the command."""

    def __init__(self, folder: Path, command: str):
        super().__init__(f"{folder}: made by lepton {command}")
        self.command = command


@dataclass(frozen=True, eq=False)
class InputRun:
    """A finished run; `size` is bytes of weights, `digest` tells its predictions from others."""

    folder: Path
    result: Result
    spec: DataSpec
    splits: dict[str, SplitPredictions]
    size: int
    digest: str

    @property
    def run(self) -> str:
        return self.result.run

    @cached_property
    def config(self) -> dict[str, Any]:
        """Its config as for training, whatever made it."""
        return training_config(self.result.config)


@dataclass
class InputSearch:
    """The inputs found, and why other folders are none: (folder, reason).

    `derived` counts by command the runs that are not taken since they were made of others: by a
    study's name or a glob none is, so that the same words mean the same runs when there are more.
    `filter_note` says which condition kept how many from being inputs.
    """

    inputs: list[InputRun] = field(default_factory=list)
    skipped: list[tuple[Path, str]] = field(default_factory=list)
    derived: Counter[str] = field(default_factory=Counter)
    filter_note: str | None = None

    @property
    def left_out(self) -> str:
        """Says how many folders are no inputs, and why; empty where all are."""
        reasons = [f"{path.name}: {why}" for path, why in self.skipped[:MAX_NAMES_SHOWN]]
        if (more := len(self.skipped) - MAX_NAMES_SHOWN) > 0:
            reasons.append(f"and {more} more")
        phrases = [f"{len(self.skipped)} left out: {'; '.join(reasons)}"] if reasons else []
        phrases += [f"{text} left out" for text in self.derived_texts]
        phrases += [self.filter_note] if self.filter_note else []
        return "; ".join(phrases)

    @property
    def texts(self) -> list[str]:
        """What is said of those left out that are not named one by one."""
        return [*self.derived_texts, *([self.filter_note] if self.filter_note else [])]

    @property
    def derived_texts(self) -> list[str]:
        """How many runs each command made that join no others."""
        return [f"{count} made by lepton {command}" for command, count in self.derived.items()]


def find_inputs(
    runs: str | Sequence[str], *, command: str, fewest: int = 1, where: str | None = None
) -> InputSearch:
    """The finished runs that `runs` names, each once, and the other folders that it names.

    Raises: ConfigError when a word names nothing, when `where` is no condition on them, or when
        there are fewer than the command needs.
    """
    search, first_folders = InputSearch(), {}
    for path, is_named in find_run_folders(runs).items():
        try:
            run = read_input(path, takes_derived=is_named)
        except NoInput as e:
            search.derived[e.command] += 1
            continue
        except LeptonError as e:
            search.skipped.append((path, str(e).removeprefix(f"{path}: ")))
            continue
        first_folder = first_folders.setdefault(run.digest + run.run, str(path))
        if first_folder == str(path):
            search.inputs.append(run)
        else:
            search.skipped.append((path, f"the same run as {first_folder}"))
    if where is not None and search.inputs:
        _filter(search, where)
    if len(search.inputs) < fewest:
        why = f" ({search.left_out})" if search.left_out else ""
        needed = {1: "one finished run", 2: "two finished runs"}.get(fewest, f"{fewest} runs")
        there = {0: "none", 1: "one"}.get(len(search.inputs), len(search.inputs))
        raise ConfigError(
            f"runs: {runs}: lepton {command} needs {needed} at least, and here is {there}{why}"
        )
    return search


def _filter(search: InputSearch, where: str) -> None:
    """Leaves the inputs for which the condition holds."""
    rows = [row_of_result(run.result) | {"folder": str(run.folder)} for run in search.inputs]
    filtered = filter_runs(with_data_sets(table_of_rows(rows)), where)
    kept = {*filtered.runs["folder"]}
    search.inputs = [run for run in search.inputs if str(run.folder) in kept]
    search.filter_note = filtered.note


def read_input(folder: Path, *, takes_derived: bool = True) -> InputRun:
    """The run in a folder; one that was made of others where its command lets it join.

    Raises: NoInput, or LeptonError that says why it cannot be an input.
    """
    _require_finished(folder)
    result = finished_result(folder)
    record = read_record(result.config, folder)
    if record is not None and not (takes_derived and derivation_class(record).joins):
        raise NoInput(folder, record.command)
    if missing := [name for name in NEEDED_KEYS if name not in result.config]:
        raise LeptonError(f"{folder}: damaged (its config lacks {', '.join(missing)})")
    require_test_split(folder, "what is made of runs")
    if not (weights := own_model_files(folder)):
        names = ", ".join(OWN_MODEL_FILES)
        raise LeptonError(f"{folder}: its weights are gone; they lie in files called {names}")
    try:
        spec = DataSpec.load(folder / SPEC_FILE)
        splits = {name: read_predictions(folder, name) for name in PREDICTED_SPLITS}
    except (OSError, ValueError, TypeError, KeyError) as e:
        raise LeptonError(f"{folder}: damaged ({' '.join(str(e).split())})") from None
    if not all(split.prediction.isfinite().all() for split in splits.values()):
        raise LeptonError(f"{folder}: its predictions are not all finite")
    size = sum(path.stat().st_size for path in weights)
    return InputRun(folder, result, spec, splits, size, predictions_digest(splits))


def run_reference(run: InputRun, folder: Path) -> dict[str, str]:
    """The reference by which a derived run finds an input: run, path from its folder, digest."""
    path = os.path.relpath(run.folder.absolute(), folder.absolute())
    return {"run": run.run, "path": path, "digest": run.digest}


def read_recorded_input(folder: Path, reference: dict[str, Any]) -> InputRun:
    """The run that a derived run's folder records.

    Raises: LeptonError when it is gone.
    """
    path = Path(os.path.normpath(folder / reference["path"]))
    if not path.is_dir():
        raise LeptonError(
            f"{folder}: its input {reference['run']} is gone (looked in "
            f"{path.parent.resolve()}); what was made of runs needs their folders"
        )
    return read_input(path)


def unchanged_folder(folder: Path, reference: dict[str, Any]) -> Path:
    """The folder of a recorded input.

    Raises: LeptonError when it is not the very run that the folder's run was made of.
    """
    run = read_recorded_input(folder, reference)
    if not is_unchanged(run, reference):
        raise LeptonError(
            f"{folder}: its input {reference['run']} was made again and predicts otherwise; make "
            "this run again too"
        )
    return run.folder


def is_unchanged(run: InputRun, reference: dict[str, Any]) -> bool:
    """True when it is the very run that another one was made of."""
    return (run.run, run.digest) == (reference["run"], reference["digest"])


def predictions_digest(splits: dict[str, SplitPredictions]) -> str:
    """Ten hexadecimal digits that differ when the predictions do."""
    digest = hashlib.sha256()
    for name in PREDICTED_SPLITS:
        for tensor in (splits[name].ids, splits[name].prediction):
            digest.update(tensor.contiguous().numpy().tobytes())
    return digest.hexdigest()[:10]


def _require_finished(folder: Path) -> None:
    """Raises: LeptonError that says in which state the run of another folder is."""
    if folder.suffix == ".failed" and (folder / FAILURE_FILE).is_file():
        failure = read_failure_file(folder / FAILURE_FILE)
        raise LeptonError(f"{folder}: {failure['status']} ({failure['error']})")
    if folder.suffix in STATE_SUFFIXES:
        state = {".pruned": "pruned", ".failed": "failed"}.get(folder.suffix, "unfinished")
        raise LeptonError(f"{folder}: {state}")
    if not (folder / RESULT_FILE).is_file():
        raise no_finished_run(folder)
