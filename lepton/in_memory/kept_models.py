"""A fitted estimator as a folder: facts in JSON, and the files of its run."""

from pathlib import Path
from typing import Any

from lepton.config.call_arguments import given_path
from lepton.errors import Damaged, LeptonError
from lepton.foreign_text import printable
from lepton.storage.bounded_parsing import parse_json
from lepton.storage.files import sync_folder, write_json
from lepton.storage.limits import read_limit
from lepton.storage.regular_files import read_regular

FACTS_FILE, RUN_FOLDER = "estimator.json", "run"
PARAMETERS = {"overrides", "study", "root"}
FITTED = {"classes_": list, "n_features_in_": int, "feature_names_in_": list}
CELLS = str | int | float | bool


def read_files(folder: Path) -> dict[str, bytes]:
    """The contents of all files below a folder, by their paths in it; links are none."""
    files = sorted(p for p in folder.rglob("*") if p.is_file() and not p.is_symlink())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def save_files(place: str | Path, facts: dict[str, Any], files: dict[str, bytes]) -> None:
    """Writes facts and files into a new folder, the facts last.

    Raises: LeptonError where something lies there, or it cannot be written.
    """
    folder = given_path("save", place, "estimator.save('estimator')")
    try:
        folder.mkdir(parents=True)
        for name, content in files.items():
            (folder / RUN_FOLDER / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / RUN_FOLDER / name).write_bytes(content)
        sync_folder(folder)
        write_json(folder / FACTS_FILE, facts)
    except FileExistsError:
        raise LeptonError(f"{folder}: is there already; save to a new folder") from None
    except OSError as e:
        raise LeptonError(f"{folder}: cannot be written ({e.strerror})") from None


def load_files(place: str | Path, class_name: str) -> tuple[dict[str, Any], Path]:
    """The facts of a saved estimator of this class, and the folder of its run.

    Raises: LeptonError where there is none, or of another class.
    """
    folder = given_path("load", place, f"lepton.{class_name}.load('estimator')")
    path = folder / FACTS_FILE
    try:
        facts = parse_json(read_regular(path, read_limit("text_mb") * 2**20))
        saved = facts["class"]
        _check_facts(facts["parameters"], facts["fitted"])
    except Damaged as e:
        raise LeptonError(printable(f"{folder}: no saved estimator ({e})")) from None
    except OSError as e:
        why = f"{path.name}: {e.strerror}"
        raise LeptonError(printable(f"{folder}: no saved estimator ({why})")) from None
    except (ValueError, KeyError, TypeError, RecursionError) as e:
        raise LeptonError(printable(f"{path}: not an estimator of lepton's ({e})")) from None
    if saved != class_name:
        shown = printable(saved, one_line=True)[:60]
        where = printable(folder)
        raise LeptonError(f"{where}: holds a {shown}; load it with {shown}.load, if it is lepton's")
    return facts, folder / RUN_FOLDER


def _check_facts(parameters: Any, fitted: Any) -> None:
    """Raises: ValueError for what no saved estimator holds."""
    if not isinstance(parameters, dict) or parameters.keys() != PARAMETERS:
        raise ValueError("no parameters")
    if not isinstance(parameters["overrides"], list):
        raise ValueError("overrides: no list")
    if not isinstance(fitted, dict):
        raise ValueError("nothing fitted")
    for name, value in fitted.items():
        if name not in FITTED or type(value) is not FITTED[name]:
            raise ValueError(f"fitted: {name!r:.60}")
        if isinstance(value, list) and not all(isinstance(cell, CELLS) for cell in value):
            raise ValueError(f"{name}: not values alone")
