"""Writes the files of a finished run, the same for a trained one and for one made of others.

Beside them a run folder holds the weights, and what turns further rows into inputs, which whoever
made them writes.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from lepton.storage.environment import describe_environment
from lepton.storage.predictions import PredictionColumns, SplitPredictions, write_predictions
from lepton.storage.results import Result, save_result
from lepton.storage.run_folder import (
    ENVIRONMENT_FILE,
    HISTORY_FILE,
    OVERRIDES_FILE,
    write_config,
)


def write_settings(config: dict[str, Any], folder: Path) -> None:
    """Writes all that is known before a run begins: its config, its overrides, its environment."""
    write_config(config, folder)
    (folder / OVERRIDES_FILE).write_text(yaml.safe_dump(config["overrides"]))
    (folder / ENVIRONMENT_FILE).write_text(json.dumps(describe_environment(), indent=1))


def write_outcome(
    folder: Path,
    *,
    config: dict[str, Any],
    columns: PredictionColumns,
    predictions: Mapping[str, SplitPredictions],
    history: Sequence[Mapping[str, float]],
    **facts: Any,
) -> Result:
    """Writes the history, the predictions and, last, the result of a run that is over.

    `columns` are those of the tables of predictions, `facts` the fields of a Result that do not
    stand in its config.
    """
    pd.DataFrame(list(history)).to_parquet(folder / HISTORY_FILE)
    write_predictions(predictions, columns, folder)
    result = Result(choices=config["choices"], config=config, **facts)
    save_result(result, folder)
    return result
