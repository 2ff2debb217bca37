"""Checks what `init_from` names, before anything is loaded."""

import os
from pathlib import Path

from lepton.pretrained.weight_files import (
    ADAPTER_FILE,
    WEIGHTS_FILE,
    is_network_run,
    weight_files,
)
from lepton.storage.run_folder import ENVIRONMENT_FILE, FAILURE_FILE, OVERRIDES_FILE, RESULT_FILE

FIRST_RUN_FILES = (OVERRIDES_FILE, ENVIRONMENT_FILE)
NETWORK_FILES = (WEIGHTS_FILE, ADAPTER_FILE)
LAST_RUN_FILES = (RESULT_FILE, FAILURE_FILE)  # one of which an ended run has
WEIGHT_SUFFIXES = (".safetensors", ".pt", ".pth", ".bin", ".ckpt")


def init_from_problem(init_from: str) -> str | None:
    """A line that says why training cannot start from there; None where it can."""
    if not init_from:
        return "init_from: is empty; give a run, folder or file, or null"
    path = Path(init_from)
    if path.is_file():
        if path.suffix in WEIGHT_SUFFIXES:
            return None
        return f"init_from: {init_from}: not a file of weights ({', '.join(WEIGHT_SUFFIXES)})"
    if not path.is_dir():
        return f"init_from: no such run, folder or file {init_from!r} (looked in {Path.cwd()})"
    if damaged := [file for file in NETWORK_FILES if _is_no_file(path / file)]:
        return f"init_from: {path / damaged[0]}: damaged: no regular file"
    if (path / RESULT_FILE).is_file() and not is_network_run(path):
        return f"init_from: {init_from}: a run without a network to start from"
    if _has_all(path, FIRST_RUN_FILES) and not any((path / n).is_file() for n in LAST_RUN_FILES):
        return f"init_from: {init_from}: a run that is not finished; it has no {RESULT_FILE}"
    if not weight_files(path):
        return f"init_from: {init_from}: neither a finished run nor a folder with *.safetensors"
    return None


def _has_all(folder: Path, names: tuple[str, ...]) -> bool:
    return all((folder / name).is_file() for name in names)


def _is_no_file(path: Path) -> bool:
    """True for a pipe, a folder, or a link to nowhere or to a device."""
    return os.path.lexists(path) and not path.is_file()
