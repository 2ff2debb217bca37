"""Rows of a file that a finished run was not trained on, read as the run's own file was."""

import os
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from lepton.config.options import CONF_DIR
from lepton.dataset.read.csv_file import open_csv
from lepton.dataset.read.csv_layout import LAYOUT_CHARACTERS, SEPARATORS
from lepton.dataset.read.json_lines import read_json_lines
from lepton.dataset.read.labelled_lines import read_labelled_lines
from lepton.dataset.read.parquet_file import ParquetTable
from lepton.dataset.read.raw_table import FrameTable, RawTable, StrippedTable
from lepton.dataset.read.text_file import open_text
from lepton.errors import DataError, LayoutError
from lepton.evaluation.sample_inputs import trained_run
from lepton.storage.run_folder import CONFIG_FILE, read_config

LINE_OPTIONS = ("separator", "encoding", "header", "names")
CSV_OPTIONS = (*LINE_OPTIONS, "quote", "decimal", "missing")  # keys of dataset=csv


def read_rows(path: Path, run_folder: Path) -> pd.DataFrame:
    """The rows of `open_rows` in memory."""
    table = open_rows(path, run_folder)
    blocks = table.blocks(list(table.columns), len(table))
    return pd.concat(blocks, ignore_index=True)


def open_rows(path: Path, run_folder: Path) -> RawTable:
    """The rows of a file by its ending: .parquet, .jsonl, or else delimited as the run's file was.

    Raises: DataError naming the file, for what is no table.
    """
    if os.path.exists(path) and not (path.is_file() or path.is_dir()):
        raise DataError(f"{path}: a pipe or a device, which is read but once; make a file of it")
    node = read_config(trained_run(run_folder) / CONFIG_FILE)["dataset"]
    defaults = yaml.safe_load((CONF_DIR / "dataset" / "csv.yaml").read_text())
    is_delimited = all(name in node for name in ("separator", "encoding"))  # of its file
    options = {k: node.get(k, defaults[k]) if is_delimited else defaults[k] for k in CSV_OPTIONS}
    try:
        return _open_as(path, node, options)
    except LayoutError as e:
        shown = ("encoding", "separator", "header")
        layout = ", ".join(f"{key} {options[key]!r}" for key in shown if options[key] is not None)
        raise DataError(f"{e.fact}; write it as the run's own file was ({layout})") from None


def _open_as(path: Path, node: dict[str, Any], options: dict[str, Any]) -> RawTable:
    """The rows of a file, of which `node` is the run's dataset, and `options` the layout."""
    match path.suffix.lower():
        case ".parquet" | ".pq":
            return ParquetTable(str(path))
        case ".jsonl" | ".ndjson":
            return FrameTable(read_json_lines(str(path), encoding=options["encoding"]))
    if node.get("rest"):
        lines = read_labelled_lines(str(path), **{name: options[name] for name in LINE_OPTIONS})
        return FrameTable(lines)
    if options["separator"] is None and _has_one_column(path, options["encoding"]):
        options["separator"] = next(iter(SEPARATORS))
    table = open_csv(str(path), **options)
    if strip := node.get("target_strip"):
        targets = [node["target"]] if isinstance(node["target"], str) else node["target"]
        return StrippedTable(table, table.columns.intersection(targets), strip)
    return table


def _has_one_column(path: Path, encoding: str) -> bool:
    """True where the first line has nothing that separates: new rows may be all of one input."""
    first, _, _ = open_text(str(path), encoding).start(LAYOUT_CHARACTERS).partition("\n")
    return not any(separator in first for separator in SEPARATORS)
