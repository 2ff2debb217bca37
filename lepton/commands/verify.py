"""`lepton verify RUN`: makes a run again from its folder; are the numbers the same?

A trained run is trained again, one that was made of others is made again of these. What is not
the same is told, with what may be the cause: data, versions, the machine. The exit code is 0 when
all is the same, bit for bit, and else 1. Before that, all files of the run are held to the digests
that they were written with: what is damaged is named, and nothing is trained; a run of an earlier
version has no digests, and is said to be unchecked. Nothing is taken from the cache: features,
tokens and what files became are made again too.

example:
  lepton verify runs/first/wine-mlp-s0-65d0a8dcbb
"""

import tempfile
from functools import partial
from pathlib import Path
from typing import Any

from lepton.config.chosen_options import option_label
from lepton.config.constraints import data_files, data_folders
from lepton.config.identity import is_run_name
from lepton.config.younger_keys import changes_of, revision_differences
from lepton.derived.classes import derivation_class
from lepton.derived.derivation import Derivation
from lepton.derived.reproduce import make_again
from lepton.errors import LeptonError
from lepton.foreign_text import say
from lepton.pretrained.base_weights import starting_weights
from lepton.pretrained.weight_files import (
    ADAPTER_FILE,
    BASE_FILE,
    WEIGHTS_FILE,
    read_adapter_base,
)
from lepton.storage.cache import without_cache
from lepton.storage.derived_record import read_record
from lepton.storage.digests import checked_sha256, damaged_files
from lepton.storage.evaluations import damaged_frames, frame_file
from lepton.storage.predictions import PREDICTED_SPLITS, predictions_file
from lepton.storage.results import Result, finished_result, no_finished_run
from lepton.storage.run_files import read_run_json, read_run_table
from lepton.storage.run_folder import (
    CONFIG_FILE,
    ENVIRONMENT_FILE,
    HISTORY_FILE,
    RESULT_FILE,
    SPEC_FILE,
    read_config,
)

USAGE = "usage: lepton verify RUN (a run's folder)"
PREDICTION_TABLES = [predictions_file(Path(), name).as_posix() for name in PREDICTED_SPLITS]
MACHINE_KEYS = ("python", "platform", "gpus")  # of environment.json, what can change a number


def main(arguments: list[str]) -> int:
    """Prints what was compared; 0 when everything is the same, bit for bit, else 1."""
    if len(arguments) != 1 or arguments[0].startswith("-"):
        raise LeptonError(f"{' '.join(['verify', *arguments])}: {USAGE}")
    lines, is_same = verify(Path(arguments[0]))
    say("\n".join(lines))
    return 0 if is_same else 1


def verify(folder: Path) -> tuple[list[str], bool]:
    """Makes a run again; returns the lines that tell what differs, and True when nothing does.

    A run is trained again; one that was made of others is made again of these.

    Raises: LeptonError when there is no finished run, or its data or its inputs are not there.
    """
    if not (folder / RESULT_FILE).is_file():
        raise no_finished_run(folder)
    damage = damaged_files(folder)
    first = finished_result(folder) if not damage else None
    if first is None or (frames := damaged_frames(folder, first)):
        damage = damage or frames
        head = f"{folder.name}: damaged: {len(damage)} of its files are not what was written"
        return [head, *(f"  {line}" for line in damage), "rerun=true makes the run again"], False
    checked = "unchecked: its files have no digests" if damage is None else "all files as written"
    record = read_record(first.config, folder)
    made_by = None if record is None else derivation_class(record)
    with tempfile.TemporaryDirectory() as runs, without_cache():
        new_folder = Path(runs) / folder.name
        if record is None:
            causes = _train_again(folder, new_folder, first)
        else:
            causes = make_again(folder, first.config, record, new_folder)
        causes += _evaluate_again(new_folder, first)
        differences = _differences(folder, new_folder, first, made_by)
        causes += _environment_changes(folder, new_folder)
    if not differences:
        process = "the history" if made_by is None else made_by.compared
        compared = f"{len(first.metrics)} metrics, {process} and every prediction"
        lines = [f"{folder.name}: the same again, bit for bit: {compared}; {checked}"]
        return [*lines, *(f"  although {cause}" for cause in causes)], True
    if not causes:
        step = "training" if made_by is None else made_by.step
        causes = [f"nothing that is known: {step} is not deterministic on this machine"]
    lines = [
        f"{folder.name}: not the same again ({checked})",
        *(f"  {line}" for line in differences),
    ]
    return [*lines, "what is different:", *(f"  {cause}" for cause in causes)], False


def _train_again(folder: Path, new_folder: Path, first: Result) -> list[str]:
    """Trains a run again in another folder, without its logger and evaluations; returns what is
    not as it was.

    Its config is held against today's options.
    """
    from omegaconf import OmegaConf

    from lepton.config.check import check
    from lepton.run import train_checked

    config = check(OmegaConf.create(read_config(folder / CONFIG_FILE)))
    quiet = {"runs": str(new_folder.parent), "study": ".", "rerun": False}
    train_checked({**config, **quiet, "logger": {}, "evaluation": {}}, new_folder)
    label = partial(option_label, config)
    causes = revision_differences(config["revisions"], changes_of(config), label)
    if not is_run_name(config, folder.name):
        causes.append(_possible_changes(config))
    precision = finished_result(new_folder).precision
    if first.precision not in (None, precision):
        causes.append(f"machine: trained in {first.precision}, now in {precision}")
    if first.trained != "alone":
        causes.append(f"training: then in a {first.trained}, now alone; last digits differ")
    return causes


def _evaluate_again(new_folder: Path, first: Result) -> list[str]:
    """Evaluates a run that was made again as the first one was; returns why it cannot."""
    if not first.evaluations:
        return []
    from lepton.evaluation.adding import add_evaluations

    nodes = {name: record["settings"] for name, record in first.evaluations.items()}
    try:
        add_evaluations(new_folder, nodes)
    except LeptonError as e:
        return [f"evaluation: {e}"]
    return []


def _possible_changes(config: dict[str, Any]) -> str:
    """The files that may have changed since a run got its name, or else an option."""
    files = {"data": [*data_files(config).values(), *data_folders(config).values()]}
    if (weights := starting_weights(config)["path"]) is not None:
        files["weights"] = [weights]
    changes = [f"{kind}: {', '.join(paths)}" for kind, paths in files.items() if paths]
    return ", or ".join(changes) or "code: an option has other values or keys now"


def _differences(
    folder: Path, new_folder: Path, first: Result, made_by: type[Derivation] | None
) -> list[str]:
    """A line for the metrics, and for every file, that are not the same in both folders."""
    lines = _metric_differences(first.metrics, finished_result(new_folder).metrics)
    own_tables = () if made_by is None else made_by.tables
    frames = [
        frame_file(Path(), name, frame).as_posix()
        for name, record in first.evaluations.items()
        for frame in record["frames"]
    ]
    for name in (HISTORY_FILE, *own_tables, *PREDICTION_TABLES, *frames):
        if (new_folder / name).is_file():
            difference = _table_difference(folder, new_folder, name)
            lines += [f"{name}: {difference}"] if difference else []
    if made_by is not None:
        lines += made_by.differences(folder, new_folder)
    for name in (WEIGHTS_FILE, ADAPTER_FILE, SPEC_FILE):
        if (new_folder / name).is_file():
            lines += _file_difference(folder, new_folder, name)
    if (new_folder / BASE_FILE).is_file():
        lines += _base_difference(folder / BASE_FILE, new_folder / BASE_FILE)
    return lines


def _metric_differences(first: dict[str, float], second: dict[str, float]) -> list[str]:
    """A line for all metrics that changed, with the one that changed the most."""
    changed = {
        name: (value, second.get(name))
        for name, value in first.items()
        if value != second.get(name) and value == value
    }
    if not changed:
        return []
    name = max(changed, key=lambda n: abs(changed[n][0] - (changed[n][1] or 0)))
    before, after = changed[name]
    largest = f"the most in {name}: {before!r}, now {after!r}"
    return [f"{len(changed)} of {len(first)} metrics, {largest}"]


def _file_difference(first: Path, second: Path, name: str) -> list[str]:
    if not (first / name).is_file():
        return [f"{name}: was not kept"]
    return [] if checked_sha256(first, name) == checked_sha256(second, name) else [name]


def _base_difference(first: Path, second: Path) -> list[str]:
    """A line where the weights that an adapter belongs to are not known, or are others."""
    try:
        contents = [read_adapter_base(path)["sha256"] for path in (first, second)]
    except LeptonError as e:
        return [f"{BASE_FILE}: {str(e).removeprefix(f'{first}: ')}"]
    return [f"{BASE_FILE}: names other weights"] if contents[0] != contents[1] else []


def _table_difference(first: Path, second: Path, name: str) -> str | None:
    """In what two tables differ; durations do not count."""
    if not (first / name).is_file():
        return "was not kept"
    try:
        a, b = (
            read_run_table(run, name).drop(columns="seconds", errors="ignore")
            for run in (first, second)
        )
    except (OSError, LeptonError):
        return "cannot be read"
    if list(a) == list(b):  # older runs held targets of 32 bits
        b = b.astype({name: a[name].dtype for name in a if a[name].dtype == "float32"})
    if a.equals(b):
        return None
    if a.shape != b.shape or list(a) != list(b):
        return f"{a.shape[0]} rows of {', '.join(a)[:60]}, now {b.shape[0]} of {', '.join(b)[:60]}"
    numbers = a.select_dtypes("number").columns
    return f"differs by up to {(a[numbers] - b[numbers]).abs().max().max():.3g}"


def _environment_changes(folder: Path, new_folder: Path) -> list[str]:
    """A line for each of code, versions and machine that is not what it was."""
    first, second = _read_environment(folder), _read_environment(new_folder)
    if first is None or second is None:
        return [f"{ENVIRONMENT_FILE} cannot be read: versions are not known"]
    commits = [environment.get("git", {}).get("lepton") for environment in (first, second)]
    pairs = {"lepton commit": commits}
    pairs |= {key: [first.get(key), second.get(key)] for key in MACHINE_KEYS}
    packages = first.get("packages", {})
    pairs |= {
        name: [packages[name], version]
        for name, version in second["packages"].items()
        if name in packages  # later versions of lepton record more
    }
    return [
        f"{_environment_part(name)}: {name} {before or 'not known'}, now {after or 'not known'}"
        for name, (before, after) in pairs.items()
        if before != after
    ]


def _environment_part(name: str) -> str:
    if name.startswith("lepton"):
        return "code"
    return "machine" if name in MACHINE_KEYS else "version"


def _read_environment(folder: Path) -> dict[str, Any] | None:
    """The environment that a run was made in; None where its file says too little."""
    try:
        environment = read_run_json(folder, ENVIRONMENT_FILE)
        return environment if environment["packages"] and environment["git"] else None
    except (OSError, LeptonError, ValueError, TypeError, KeyError):
        return None
