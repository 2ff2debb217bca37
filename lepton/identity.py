"""What a run is: a hash of everything that can change its result, and the folder named by it."""

import hashlib
import json
import re
from functools import lru_cache
from pathlib import Path
from typing import Any

from lepton.check import fits_itself
from lepton.errors import ConfigError
from lepton.rules import data_files

FORMAT = 2  # raised when the same config would mean another training
COSMETIC = ("study", "runs", "rerun", "logger", "choices", "overrides")
TRAINER_COSMETIC = ("progress", "checkpoint_every")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def canonical(plain: dict[str, Any]) -> dict[str, Any]:
    """The part of a checked config that can change the result; data files by their content."""
    dropped = {*COSMETIC, *(["batch_size"] if fits_itself(plain) else [])}
    kept = {k: v for k, v in plain.items() if k not in dropped}
    if kept.get("trainer"):
        kept["trainer"] = {k: v for k, v in kept["trainer"].items() if k not in TRAINER_COSMETIC}
    contents = {key: _content(Path(path)) for key, path in data_files(plain).items()}
    kept["dataset"] = {**kept["dataset"], **contents}
    return kept


def run_id(plain: dict[str, Any], version: int = FORMAT) -> str:
    """Ten hexadecimal digits that differ when the result can; `version` is one of FORMAT."""
    text = json.dumps([version, canonical(plain)], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:10]


def known_as(plain: dict[str, Any], name: str) -> bool:
    """Whether a run of this config and these data has this name, now or in an earlier FORMAT."""
    return any(name.endswith(f"-{run_id(plain, version)}") for version in range(1, FORMAT + 1))


def run_folder(plain: dict[str, Any]) -> Path:
    """Where the run of a checked config lives.

    Raises: ConfigError when the study's name is not a plain folder name.
    """
    study, choices = plain["study"], plain.get("choices") or {}
    if not NAME.fullmatch(study):
        raise ConfigError(
            f"study: {study!r} is not a plain name; use letters, digits, '.', '_', '-' (at most "
            "100), and runs=FOLDER for another place"
        )
    words = [choices.get("dataset", "data"), choices.get("model", "model"), f"s{plain['seed']}"]
    name = "-".join(re.sub(r"[^A-Za-z0-9._+-]", "_", word) for word in words)
    return Path(plain["runs"]) / study / f"{name}-{run_id(plain)}"


def _content(path: Path) -> str:
    stat = path.stat()
    return _sha256(path, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=64)
def _sha256(path: Path, modified: int, size: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
