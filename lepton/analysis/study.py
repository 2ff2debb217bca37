"""Every run of one or more studies, also those that are planned and not there."""

import os
import shlex
from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from lepton.errors import LeptonError
from lepton.storage.results import load, study_folder
from lepton.storage.run_folder import run_status
from lepton.storage.study import planned_runs

ORDER = ("finished", "pruned", "diverged", "failed", "unreadable", "running", "missing")
LOST = ORDER[2:5]  # ended without a result


def gather(studies: list[str | Path]) -> pd.DataFrame:
    """The rows of `results.load`, and one with status missing or running for each planned run.

    Raises: LeptonError when a study is not there, or none of them holds a run.
    """
    folders = list(dict.fromkeys(study_folder(study) for study in studies))
    frames = []
    for folder in folders:
        there = load(folder)
        frames += [there, _planned(folder, there)]
    frames = [frame for frame in frames if len(frame)]
    if not frames:
        raise LeptonError(f"{', '.join(map(str, folders))}: holds no run yet")
    frame = pd.concat(frames, ignore_index=True) if len(frames) > 1 else frames[0]
    return frame.drop_duplicates("folder", ignore_index=True)


def _planned(folder: Path, there: pd.DataFrame) -> pd.DataFrame:
    """The runs that were planned and did not end; a folder without what says so is none."""
    ended = {os.path.basename(path) for path in there["folder"]}
    absent = {
        name: words
        for name, words in planned_runs(folder).items()
        if not ended & {name, f"{name}.failed", f"{name}.pruned"}
    }
    rows = [
        {
            **_settings(words),
            "run": name,
            "status": "running" if run_status(folder / name) == "running" else "missing",
            "folder": str(folder / name),
        }
        for name, words in absent.items()
    ]
    return pd.DataFrame(rows)


def _settings(words: str) -> dict[str, Any]:
    """The values that override words give; lists stay text, as in a study's table."""
    found = {}
    for word in shlex.split(words):
        key, _, text = word.lstrip("+").partition("=")
        try:
            value = yaml.safe_load(text)
        except yaml.YAMLError:
            value = text
        found[key] = text if isinstance(value, list | dict) else value
    return found


def counts(frame: pd.DataFrame) -> str:
    """'12 runs: 10 finished, 1 failed, 1 missing'."""
    known = Counter(frame["status"])
    said = ", ".join(f"{known[word]} {word}" for word in ORDER if known[word])
    made = int(frame["ensemble"].notna().sum()) if "ensemble" in frame else 0
    of_them = f" ({made} of them {'an ensemble' if made == 1 else 'ensembles'})" if made else ""
    return f"{len(frame)} {'run' if len(frame) == 1 else 'runs'}: {said}{of_them}"
