"""What a run is: a hash of everything that can change its result, and the folder named by it."""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

from lepton.config.check import LATER_DATASET_KEYS, LATER_ROOT_KEYS, fits_itself
from lepton.config.constraints import data_files, data_folders
from lepton.errors import ConfigError
from lepton.pretrained import init_weights
from lepton.pretrained.init_weights import sha256
from lepton.pretrained.location import content

ID_FORMAT = 2  # raised when the same config would mean another training
COSMETIC_KEYS = ("study", "runs", "rerun", "logger", "choices", "overrides", "kind", "suggested")
COSMETIC_TRAINER_KEYS = ("progress", "checkpoint_every")
PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def canonical_config(plain: dict[str, Any]) -> dict[str, Any]:
    """The part of a checked config that can change the result; data files by their content."""
    dropped = {*COSMETIC_KEYS, *(["batch_size"] if fits_itself(plain) else [])}
    kept = {k: v for k, v in plain.items() if k not in dropped}
    if kept.get("trainer"):
        kept["trainer"] = {
            k: v for k, v in kept["trainer"].items() if k not in COSMETIC_TRAINER_KEYS
        }
    contents = {key: sha256(Path(path)) for key, path in data_files(plain).items()}
    contents |= {key: _all(Path(path)) for key, path in data_folders(plain).items()}
    kept["dataset"] = _without({**kept["dataset"], **contents}, LATER_DATASET_KEYS)
    kept["model"] = with_content_for_path(kept["model"])
    if kept["init_from"]:
        kept["init_from"] = init_weights.content(kept["init_from"]) or kept["init_from"]
    return _without(kept, LATER_ROOT_KEYS)


def _without(node: dict[str, Any], unset: dict[str, Any]) -> dict[str, Any]:
    """A mapping without unset keys of later versions, so that ids stay as they were."""
    return {k: v for k, v in node.items() if not (k in unset and (v is None or v == unset[k]))}


def with_content_for_path(node: dict[str, Any]) -> dict[str, Any]:
    """A model's node with the content of each pretrained folder for its path."""
    named = {k: with_content_for_path(v) if isinstance(v, dict) else v for k, v in node.items()}
    if isinstance(path := node.get("path"), str) and (files := content(path)):
        named["path"] = [[file.name, sha256(file)] for file in files]
    return named


def _all(folder: Path) -> list[list[str]]:
    """Every file of a folder by its content."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return [[path.relative_to(folder).as_posix(), sha256(path)] for path in files]


def run_id(plain: dict[str, Any], version: int = ID_FORMAT) -> str:
    """Ten hexadecimal digits that differ when the result can; `version` is one of FORMAT."""
    text = json.dumps([version, canonical_config(plain)], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:10]


def is_run_name(plain: dict[str, Any], name: str) -> bool:
    """Whether a run of this config and these data has this name, now or in an earlier FORMAT."""
    return any(name.endswith(f"-{run_id(plain, version)}") for version in range(1, ID_FORMAT + 1))


def run_folder(plain: dict[str, Any]) -> Path:
    """Where the run of a checked config lives.

    Raises: ConfigError when the study's name is not a plain folder name.
    """
    study, choices = plain["study"], plain.get("choices") or {}
    if not PLAIN_NAME.fullmatch(study):
        raise ConfigError(
            f"study: {study!r} is not a plain name; use letters, digits, '.', '_', '-' (at most "
            "100), and runs=FOLDER for another place"
        )
    words = [choices.get("dataset", "data"), choices.get("model", "model"), f"s{plain['seed']}"]
    name = "-".join(re.sub(r"[^A-Za-z0-9._+-]", "_", word) for word in words)
    return Path(plain["runs"]) / study / f"{name}-{run_id(plain)}"
