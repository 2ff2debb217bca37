"""The content of a finished run: a hash of all that it predicts by, whatever its folder's name."""

import hashlib
import json
from pathlib import Path

from lepton.pretrained.weight_files import files_digest, own_model_files
from lepton.storage.derived_record import read_record
from lepton.storage.run_folder import CONFIG_FILE, RESULT_FILE, SPEC_FILE, read_config


def is_finished_run(path: Path) -> bool:
    """True for the folder of a finished run, trained or made of others."""
    return (path / RESULT_FILE).is_file()


def run_content(path: Path) -> str | None:
    """The SHA-256 of what a finished run has learned; None where there is none.

    Of one that predicts through other runs it is how it combines them, and the content of each.
    """
    if not is_finished_run(path):
        return None
    own = [file for file in own_model_files(path) if file.is_file()]
    config = read_config(path / CONFIG_FILE)
    record = read_record(config, path)
    if own or record is None:
        return files_digest(sorted([*own, path / SPEC_FILE]))
    learned = sorted(file for file in path.glob("*.skops") if file.is_file())
    settings = {k: v for k, v in config.get(record.command, {}).items() if k != "members"}
    members = config.get(record.command, {}).get("members", record.inputs)
    lines = [json.dumps([record.settings, settings], sort_keys=True, default=str)]
    lines += [files_digest(learned)] if learned else []
    lines += [
        f"{member.get('part')} {member.get('weight')} {run_content(path / member['path'])}"
        for member in members
    ]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
