"""Errors under corruptions by those of a baseline, another run with the same corruptions."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from lepton.config.data_identity import IDENTITY_KEY, data_identity
from lepton.errors import LeptonError
from lepton.storage.evaluations import read_evaluation_frame
from lepton.storage.results import finished_result
from lepton.storage.run_folder import CONFIG_FILE, read_config
from lepton.task.base import Task

TABLE = "corruption"


def error_metric(task: Task) -> str:
    """The metric by which errors are counted.

    Raises: LeptonError for a task that has none.
    """
    for name in ("accuracy", "rmse"):
        if name in task.metrics:
            return name
    raise LeptonError(f"baseline: task {task.name} has neither accuracy nor rmse to err by")


def summed_errors(table: pd.DataFrame, task: Task) -> pd.Series:
    """The errors of each corruption over all severities: shares that are wrong, or rmse."""
    values = table[error_metric(task)]
    errors = 1 - values if task.metrics[error_metric(task)] else values
    return errors.groupby(table["corruption"], sort=False).sum()


def baseline_errors(folder: Path, settings: dict[str, object], task: Task) -> pd.Series:
    """The errors of a run by corruption, summed over severities.

    Raises: LeptonError where it is no finished run, or was not evaluated by the same corruptions.
    """
    words = " ".join(
        f"evaluation.corruption.{key}={value}".replace(" ", "").replace("'", "")
        for key, value in settings.items()
    )
    command = f"lepton evaluate {folder} evaluation=corruption {words}"
    record = finished_result(folder).evaluations.get("corruption")
    table = read_evaluation_frame(folder, "corruption", TABLE) if record else None
    if record is None or table is None:
        raise LeptonError(f"baseline: {folder} was not evaluated by corruption; {command}")
    corrupted = table[table["severity"] > 0]
    held = {
        "corruptions": list(corrupted["corruption"].unique()),
        "severities": sorted({*map(int, corrupted["severity"])}),
        "data_seed": record["settings"]["data_seed"],
    }
    for key, value in settings.items():
        if held[key] != value:
            raise LeptonError(f"baseline: {folder} has {key} {held[key]}, not {value}; {command}")
    errors = summed_errors(corrupted, task)
    if none := [name for name, error in errors.items() if error <= 0]:
        raise LeptonError(f"baseline: {folder} makes no error under {none[0]} to divide by")
    return errors


def refuse_other_data(folder: Path, config: Mapping[str, Any]) -> None:
    """Raises: LeptonError for a baseline of other data than those of a run's config."""
    its = read_config(folder / CONFIG_FILE).get(IDENTITY_KEY)
    own = config.get(IDENTITY_KEY) or data_identity(dict(config))
    if its and own["content"] != its["content"]:
        raise LeptonError(
            f"baseline: {folder} was trained on {its['name']}, and this run on {own['name']}, or "
            "their targets differ; name a run of the same data"
        )


def mean_corruption_error(errors: pd.Series, baseline: pd.Series) -> float:
    """The mean over corruptions of the errors by the baseline's; 1 where a run errs as that does.

    Source: Hendrycks & Dietterich 2019, https://arxiv.org/abs/1903.12261, section 4.1, there times
        100
    """
    return float((errors / baseline.reindex(errors.index)).mean())
