"""The inputs of the samples that a run predicted, read again from its data set."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from lepton.errors import LeptonError

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
    from omegaconf import OmegaConf

    from lepton import build
    from lepton.config.check import check, input_kind
    from lepton.config.identity import is_run_name
    from lepton.storage.derived_record import read_record
    from lepton.storage.run_folder import CONFIG_FILE, read_config

    stored_config = read_config(run_folder / CONFIG_FILE)
    if record := read_record(stored_config):
        return read_sample_inputs(run_folder / record.inputs[0]["path"], ids)
    config = check(OmegaConf.create(stored_config))
    if not is_run_name(config, run_folder.name):
        raise LeptonError(f"{run_folder}: its data or its options are no longer what they were")
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
