"""The identity of a run: a hash of all that can change its result, and the folder named by it."""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

from lepton.config.chosen_options import without_absent_groups
from lepton.config.data_identity import (
    IDENTITY_KEY,
    data_contents,
    data_name,
    without_name,
)
from lepton.config.input_kinds import without_idle_encoders
from lepton.config.model_kind import fits_itself
from lepton.config.named_runs import with_run_contents
from lepton.config.younger_keys import without_younger_keys
from lepton.errors import ConfigError
from lepton.groups import COSMETIC_GROUPS, HEEDED_WITH
from lepton.pretrained.location import content_files
from lepton.pretrained.weight_files import file_sha256, weights_digest
from lepton.storage.run_names import readable_name, run_name

ID_FORMAT = 2  # raised when the same config would mean another training
COSMETIC_KEYS = (  # `kind` is what older configs call suggested.for
    *("study", "runs", "rerun", "choices", "overrides", "kind", "suggested"),
    IDENTITY_KEY,  # what the content of the data says is in the id by itself
    *COSMETIC_GROUPS,
)
BATCH_KEYS = ("batch_size", "min_steps_per_epoch")  # of a model that does not fit itself
COSMETIC_TRAINER_KEYS = ("progress", "checkpoint_every")
COSMETIC_DATASET_KEYS = ("memory_gb", "cache_gb", "decoding_threads")
PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def canonical_config(config: dict[str, Any]) -> dict[str, Any]:
    """The part of a checked config that can change the result; data files by their content."""
    ignored = {*COSMETIC_KEYS, *(BATCH_KEYS if fits_itself(config) else ())}
    ignored |= {key for key, group in HEEDED_WITH.items() if not config.get(group)}
    chosen = without_absent_groups(config)
    canonical = {key: value for key, value in chosen.items() if key not in ignored}
    canonical["revisions"] = {
        path: number
        for path, number in config["revisions"].items()
        if path.partition(".")[0] not in ignored
    }
    if trainer := canonical.get("trainer"):
        canonical["trainer"] = {k: v for k, v in trainer.items() if k not in COSMETIC_TRAINER_KEYS}
    contents = data_contents(config)
    canonical = without_younger_keys(canonical)
    dataset = without_name(canonical["dataset"])
    dataset = {k: v for k, v in dataset.items() if k not in COSMETIC_DATASET_KEYS}
    canonical["dataset"] = {**dataset, **contents}
    in_use = without_idle_encoders({**config, "model": canonical["model"]})
    canonical["model"] = with_content_for_path(in_use["model"])
    if init_from := canonical.get("init_from"):
        canonical["init_from"] = weights_digest(init_from) or init_from
    return with_run_contents(canonical, config)


def with_content_for_path(node: dict[str, Any]) -> dict[str, Any]:
    """A model's node with the content of each pretrained folder for its path."""
    hashed = {k: with_content_for_path(v) if isinstance(v, dict) else v for k, v in node.items()}
    if isinstance(path := node.get("path"), str) and (files := content_files(path)):
        hashed["path"] = [[file.name, file_sha256(file)] for file in files]
    return hashed


def run_id(config: dict[str, Any], version: int = ID_FORMAT) -> str:
    """Ten hexadecimal digits that differ when the result can; `version` is one of ID_FORMAT."""
    text = json.dumps([version, canonical_config(config)], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:10]


def is_run_name(config: dict[str, Any], name: str) -> bool:
    """True when a run of this config and these data has this name, now or in an earlier format."""
    versions = range(1, ID_FORMAT + 1)
    return any(name.endswith(f"-{run_id(config, version)}") for version in versions)


def run_folder(config: dict[str, Any]) -> Path:
    """The folder of the run that a checked config means, under the name that it has there.

    Raises: ConfigError when the study's name is not a plain folder name.
    """
    study, choices = config["study"], config.get("choices") or {}
    if not PLAIN_NAME.fullmatch(study):
        raise ConfigError(
            f"study: {study!r} is not a plain name; use letters, digits, '.', '_', '-' (at most "
            "100), and runs=FOLDER for another place"
        )
    folder = Path(config["runs"]) / study
    words = [data_name(config), choices.get("model", "model"), f"s{config['seed']}"]
    return folder / run_name(folder, readable_name(words), run_id(config))
