"""The best setting of a study by its validation score, as a command to paste and as YAML."""

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from lepton.analysis.grouping import chosen_groups, varying_settings
from lepton.analysis.score_metrics import SCORE, ordered_column, score_caution
from lepton.errors import LeptonError
from lepton.metric.direction import larger_is_better
from lepton.storage.derived_record import read_record
from lepton.storage.run_files import read_run_json
from lepton.storage.run_folder import CONFIG_FILE, ENVIRONMENT_FILE, read_config


@dataclass(frozen=True)
class BestSetting:
    """A setting, with the first of its runs."""

    run: str
    folder: Path
    score: float  # mean over the runs of the setting
    runs: int  # of the setting
    candidates: int  # finished runs that it was chosen from
    command: str
    yaml: str


def best_setting(finished: pd.DataFrame, select: str) -> BestSetting:
    """The setting with the best mean of the column `select`, of finished runs on one data set.

    Raises: LeptonError where the scores are of several metrics; and as `rerun_command`.
    """
    select = ordered_column(select, finished)
    if select == SCORE and (caution := score_caution(finished)):
        raise LeptonError(caution)
    keys = varying_settings(finished, chosen_groups(finished))
    setting_numbers = (
        finished.groupby(keys, dropna=False).ngroup() if keys else finished[select] * 0
    )
    means = finished.groupby(setting_numbers)[select].mean()
    best_number = (means if larger_is_better(select, finished) else -means).idxmax()
    runs = finished[setting_numbers == best_number].sort_values(["seed", "run"])
    folder = Path(runs["folder"].iloc[0])
    config = read_config(folder / CONFIG_FILE)
    settings = {k: v for k, v in config.items() if k not in ("choices", "overrides")}
    return BestSetting(
        run=folder.name,
        folder=folder,
        score=float(means[best_number]),
        runs=len(runs),
        candidates=len(finished),
        command=rerun_command(folder, config),
        yaml=yaml.safe_dump(settings, sort_keys=False),
    )


def rerun_command(folder: Path, config: dict[str, Any]) -> str:
    """The command line that makes the run of a folder again.

    Raises: LeptonError when neither its config nor its environment.json tells it.
    """
    if "overrides" in config:
        record = read_record(config, folder)
        command = "train" if record is None else record.command
        return shlex.join(["lepton", command, *config["overrides"]])
    try:
        environment = read_run_json(folder, ENVIRONMENT_FILE)
        return shlex.join(["lepton", *environment["command"][1:]])
    except (OSError, ValueError, KeyError, TypeError):
        raise LeptonError(f"{folder}: does not say by which command it was made") from None
