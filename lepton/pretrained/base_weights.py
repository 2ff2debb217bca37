"""The base weights of an adapter: recorded in base.json, and found again by their SHA-256."""

import json
import os
from pathlib import Path
from typing import Any

from lepton.errors import LeptonError
from lepton.pretrained.location import ENCODER_CONFIG_FILE, local_file, local_folder
from lepton.pretrained.weight_files import (
    BASE_FILE,
    files_digest,
    read_adapter_base,
    weight_files,
    weights_digest,
)


def starting_weights(config: dict[str, Any]) -> dict[str, Any]:
    """The `key` and `path` of the weights that a run starts from, and their `sha256`.

    That is None where there are none, or only a name on the hub is known of them.
    """
    if config["init_from"] is not None:
        path = config["init_from"]
        return {"key": "init_from", "path": path, "sha256": weights_digest(path)}
    model = config["model"]
    path = model.get("path") if model.get("pretrained") else None
    return {"key": "model.path", "path": path, "sha256": _encoder_digest(path)}


def _encoder_digest(path: str | None) -> str | None:
    """The SHA-256 of a pretrained encoder: of its weights and of what it is built like."""
    if path and (file := local_file(path)):
        return weights_digest(file)
    folder = local_folder(path) if path else None
    if folder is None or not (folder / ENCODER_CONFIG_FILE).is_file():
        return None
    return files_digest([folder / ENCODER_CONFIG_FILE, *weight_files(folder)])


def write_adapter_base(config: dict[str, Any], folder: Path) -> None:
    """Records in a run folder which weights its adapter belongs to, and where they lie."""
    base = starting_weights(config)
    place = local_file(base["path"]) or local_folder(base["path"]) or Path(base["path"])
    path = place.absolute()
    base |= {"absolute": str(path), "beside": os.path.relpath(path, folder.parent.absolute())}
    (folder / BASE_FILE).write_text(json.dumps(base, indent=1))


def find_adapter_base(folder: Path) -> tuple[str, str]:
    """The key and the place of the weights that a run's adapter belongs to, by their content.

    Raises: LeptonError when they are no longer there, or others.
    """
    base = read_adapter_base(folder / BASE_FILE)
    digest = weights_digest if base["key"] == "init_from" else _encoder_digest
    places = [base["path"], base["absolute"], str(folder.parent / base["beside"])]
    for place in places:
        if digest(place) == base["sha256"]:
            return base["key"], place
    state = "has changed" if any(map(digest, places)) else "is gone"
    raise LeptonError(
        f"{folder}: holds an adapter for {base['key']}={base['path']}, which {state}; put the "
        f"weights of SHA-256 {base['sha256'][:12]}... there, or train with finetune.keep=whole"
    )
