"""The folders of a run: one name for each state it can be in, and the files that tell of it.

NAME/ is finished; NAME.part/ is being trained, or was when its process ended; NAME.failed/ and
NAME.pruned/ say why there is no result. `lepton.storage.run_writing` writes them.
"""

from pathlib import Path
from typing import Any

from lepton.errors import Damaged, LeptonError
from lepton.storage.lock import lock_owner
from lepton.storage.run_files import naming_damage, read_run_json, read_run_yaml
from lepton.storage.stored_config import check_stored_config

RESULT_FILE, FAILURE_FILE, PRUNED_FILE = "result.json", "failure.json", "pruned.json"
CONFIG_FILE, OVERRIDES_FILE, ENVIRONMENT_FILE = "config.yaml", "overrides.yaml", "environment.json"
SPEC_FILE, HISTORY_FILE = "spec.json", "history.parquet"
LOG_FILE, CHECKPOINT_FOLDER = "log.txt", "checkpoint"
CALLBACK_FOLDER = "callbacks"  # what Lightning's callbacks write
LOST_STATUSES = ("failed", "diverged")  # that a failure may have
DATA_FOLDER = "data"  # of a study, beside its runs: tables that were in memory
STATE_SUFFIXES = (".part", ".old", ".failed", ".pruned")  # of folders that are not finished runs


def may_be_run(folder: Path) -> bool:
    """True for a folder in a study that a run can have, and nothing else that lies there."""
    return folder.is_dir() and folder.name != DATA_FOLDER and not folder.name.startswith(".")


def unfinished_folder(folder: Path) -> Path:
    """The folder that a run is written in before it has its name."""
    return folder.with_name(folder.name + ".part")


def finished_folder(unfinished: Path) -> Path:
    """The folder that a run has when it is finished, from the one that it is written in."""
    return unfinished.with_name(unfinished.name.removesuffix(".part"))


def failed_folder(folder: Path) -> Path:
    """The folder that holds a run's last failure, beside the run's own."""
    return folder.with_name(folder.name + ".failed")


def pruned_folder(folder: Path) -> Path:
    """The folder of a run that its watcher ended, beside the run's own."""
    return folder.with_name(folder.name + ".pruned")


def run_status(folder: Path) -> str:
    """running, finished, pruned, failed, diverged or to do, from what lies in the study."""
    return "running" if lock_owner(unfinished_folder(folder)) else ended_status(folder)


def ended_status(folder: Path) -> str:
    """As `run_status`, but how a run ended also while another process trains it once more."""
    if (folder / RESULT_FILE).is_file():
        return "finished"
    if (pruned_folder(folder) / PRUNED_FILE).is_file():
        return "pruned"
    failure = read_failure(folder)
    return failure["status"] if failure else "to do"


def read_failure(folder: Path) -> dict[str, str] | None:
    """The record of a run's last failure, or None: run, status, error, traceback.

    One that is damaged is a failure too, which says so.
    """
    path = failed_folder(folder) / FAILURE_FILE
    try:
        return read_failure_file(path) if path.is_file() else None
    except (Damaged, OSError) as e:
        return {"run": folder.name, "status": "failed", "error": f"{e}", "traceback": ""}


def read_failure_file(path: Path) -> dict[str, str]:
    """The record of a failure: run, status, error, traceback.

    Raises: LeptonError for a file that holds none.
    """
    record = read_run_json(path.parent, path.name, "a failure that lepton kept")
    try:
        needed = {name: record[name] for name in ("run", "error", "traceback")}
        failure = {"status": "failed", **record, **needed}
        if failure["status"] not in LOST_STATUSES:
            raise ValueError(failure["status"])
        if not all(isinstance(failure.get(name), str) for name in (*needed, "status")):
            raise TypeError("a text is none")
        return failure
    except (ValueError, TypeError, KeyError):
        raise Damaged(f"{path}: not a failure that lepton kept; remove the folder") from None


def read_pruned_run(folder: Path) -> dict[str, Any]:
    """The record of a run that its watcher ended: run, status, epoch, scores, and monitored, which
    is empty in those of earlier versions.

    Raises: LeptonError for a file that holds none.
    """
    path = pruned_folder(folder) / PRUNED_FILE
    record = read_run_json(path.parent, path.name, "a pruned run of lepton's")
    try:
        run, epoch, scores = (record[key] for key in ("run", "epoch", "scores"))
        numbers = all(isinstance(score, float | int) for score in scores)
        monitored = record.get("monitored", "")
        texts = isinstance(run, str) and isinstance(monitored, str)
        if not (texts and type(epoch) is int and scores and numbers):
            raise TypeError("other types")
        known = {"run": run, "status": "pruned", "epoch": epoch, "scores": scores}
        return {**known, "monitored": monitored}
    except (ValueError, TypeError, KeyError):
        raise Damaged(f"{path}: not a pruned run of lepton's; remove the folder") from None


def write_config(config: dict[str, Any], folder: Path) -> None:
    """Writes the config of a run into its folder."""
    import yaml

    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    (folder / CONFIG_FILE).write_text(yaml.dump(config, Dumper=dumper, sort_keys=False))


def read_config(path: Path) -> dict[str, Any]:
    """The config in a file that `write_config` wrote.

    Raises: LeptonError when there is none.
    """
    try:
        config = read_run_yaml(path.parent, path.name, "a config of lepton's")
    except OSError as e:
        raise LeptonError(f"{path}: cannot be read ({e.strerror})") from None
    if not isinstance(config, dict) or not all(isinstance(key, str) for key in config):
        raise Damaged(f"{path}: not a config of lepton's; remove the folder")
    with naming_damage(path):
        check_stored_config(config)
    return config
