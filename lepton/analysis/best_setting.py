"""The best setting of a study by its validation score, as words to paste and as YAML."""

import json
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from lepton.analysis.comparison import larger_is_better
from lepton.analysis.grouping import choices, varying
from lepton.errors import LeptonError
from lepton.storage.run_folder import CONFIG_FILE, read_config


@dataclass(frozen=True)
class Best:
    """A setting, and of its runs the first."""

    run: str
    folder: Path
    score: float  # mean over the runs of the setting
    runs: int  # of the setting
    looked_at: int  # finished runs that it was chosen from
    command: str
    yaml: str


def best(finished: pd.DataFrame, select: str) -> Best:
    """Of finished runs on one data set."""
    by = varying(finished, choices(finished))
    settings = finished.groupby(by, dropna=False).ngroup() if by else finished[select] * 0
    means = finished.groupby(settings)[select].mean()
    place = (means if larger_is_better(select) else -means).idxmax()
    rows = finished[settings == place].sort_values(["seed", "run"])
    folder = Path(rows["folder"].iloc[0])
    config = read_config(folder / CONFIG_FILE)
    shown = {k: v for k, v in config.items() if k not in ("choices", "overrides")}
    return Best(
        run=folder.name,
        folder=folder,
        score=float(means[place]),
        runs=len(rows),
        looked_at=len(finished),
        command=command(folder, config),
        yaml=yaml.safe_dump(shown, sort_keys=False),
    )


def command(folder: Path, config: dict[str, Any]) -> str:
    """The words that make the run of a folder again."""
    if "overrides" in config:
        verb = "ensemble" if "ensemble" in config else "train"
        return shlex.join(["lepton", verb, *config["overrides"]])
    try:
        known = json.loads((folder / "environment.json").read_text())
        return shlex.join(["lepton", *known["command"][1:]])
    except (OSError, ValueError, KeyError, TypeError):
        raise LeptonError(f"{folder}: does not say by which command it was made") from None
