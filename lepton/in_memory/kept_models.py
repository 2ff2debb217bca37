"""A fitted estimator as a folder: facts in JSON, and the files of its run."""

import json
from pathlib import Path
from typing import Any

from lepton.errors import LeptonError
from lepton.storage.files import sync_folder, write_json

FACTS_FILE, RUN_FOLDER = "estimator.json", "run"


def read_files(folder: Path) -> dict[str, bytes]:
    """The contents of all files below a folder, by their paths in it."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def save_files(folder: Path, facts: dict[str, Any], files: dict[str, bytes]) -> None:
    """Writes facts and files into a new folder, the facts last.

    Raises: LeptonError where something lies there, or it cannot be written.
    """
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


def load_files(folder: Path, class_name: str) -> tuple[dict[str, Any], Path]:
    """The facts of a saved estimator of this class, and the folder of its run.

    Raises: LeptonError where there is none, or of another class.
    """
    path = folder / FACTS_FILE
    try:
        facts = json.loads(path.read_bytes())
        saved, parameters = facts["class"], facts["parameters"]
        if not isinstance(parameters, dict) or not isinstance(facts["fitted"], dict):
            raise ValueError("no parameters")
    except OSError as e:
        raise LeptonError(f"{folder}: no saved estimator ({path.name}: {e.strerror})") from None
    except (ValueError, KeyError, TypeError) as e:
        raise LeptonError(f"{path}: not an estimator of lepton's ({e})") from None
    if saved != class_name:
        raise LeptonError(f"{folder}: holds a {saved}; load it with {saved}.load")
    return facts, folder / RUN_FOLDER
