"""The inputs of the samples that a run predicted, read again from its data set."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lepton.errors import LeptonError
from lepton.storage.derived_record import read_record
from lepton.storage.run_folder import CONFIG_FILE, read_config

MAX_VALUES = 12  # of a column beside texts, by which samples are sliced


@dataclass(frozen=True)
class SampleInputs:
    """Two tables with a row a sample: the inputs, and the columns to slice errors by."""

    inputs: pd.DataFrame
    slice_columns: pd.DataFrame


def read_sample_inputs(run_folder: Path, ids: np.ndarray) -> SampleInputs:
    """Reads the inputs of these samples as they stand in the data of the run's config.

    Raises: LeptonError when the data are not there, or are not what the run was trained on.
    """
    from lepton import build
    from lepton.config.check import input_kind

    config = unchanged_config(run_folder)
    has_texts = input_kind(config, "dataset") == "text"
    dataset = build.unread_data(config, **{"tokenizer" if has_texts else "preprocessing": None})
    if not hasattr(dataset, "read"):
        raise LeptonError(f"{run_folder}: its data set has no table of inputs")
    tables = [table for table in dataset.read() if table is not None]
    frame = pd.concat(tables, ignore_index=True)
    rows = frame.drop(columns=dataset.target_columns()).iloc[ids].reset_index(drop=True)
    if has_texts:
        text_columns: list[str] = getattr(dataset, "columns", [])
        return SampleInputs(rows[text_columns], _text_slice_columns(rows, text_columns))
    return SampleInputs(rows, rows)


def unchanged_config(run_folder: Path) -> dict[str, Any]:
    """The checked config of a run whose data are there and what they were, to read these again.

    Of a run that was made of others it is the first one's.
    Raises: LeptonError when the data are not there, or are not what the run was trained on.
    """
    from omegaconf import OmegaConf

    from lepton.config.check import check
    from lepton.config.identity import is_run_name

    trained_folder = trained_run(run_folder)
    config = check(OmegaConf.create(read_config(trained_folder / CONFIG_FILE)))
    if not is_run_name(config, trained_folder.name):
        raise LeptonError(f"{trained_folder}: its data or its options are no longer what they were")
    return config


def trained_run(run_folder: Path) -> Path:
    """The run itself where it was trained; of one that was made of others the first of these."""
    record = read_record(read_config(run_folder / CONFIG_FILE))
    return run_folder if record is None else trained_run(run_folder / record.inputs[0]["path"])


def _text_slice_columns(rows: pd.DataFrame, text_columns: list[str]) -> pd.DataFrame:
    """The number of words of each text, and the other columns that have few values."""
    word_counts = {
        f"words of {name}": rows[name].fillna("").str.split().str.len() for name in text_columns
    }
    other_columns = rows.drop(columns=text_columns).select_dtypes(exclude="number")
    categories = {
        name: column for name, column in other_columns.items() if column.nunique() <= MAX_VALUES
    }
    return pd.DataFrame({**word_counts, **categories})
