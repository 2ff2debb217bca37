"""Writes generated rows as a data set: the rows, where each is from, and how good they are."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import parquet

import lepton
from lepton.dataset.read.generated_mark import marked
from lepton.generator.rows import GeneratedRows
from lepton.report.blocks import Report
from lepton.report.single_page import write_page
from lepton.storage.files import new_folder
from lepton.synthesis.quality import Quality
from lepton.synthesis.source import Source

ROWS_FILE, ORIGIN_FILE, NOTE_FILE = "rows.parquet", "origin.parquet", "generated.json"
QUALITY_FILE, PAGE_FILE = "quality.json", "quality.html"
COLUMNS_FILE, PAIRS_FILE = "columns.parquet", "pairs.parquet"


def write_data_set(
    source: Source, generated: GeneratedRows, quality: Quality, page: Report, config: dict[str, Any]
) -> Path:
    """The folder of a generated data set, which is written beside its place and then renamed.

    Raises: LeptonError where it cannot be written, or something lies there by now.
    """
    folder = Path(config["out"]).expanduser()
    with new_folder(folder, f"out={config['out']}") as part:
        _write_files(part, source, generated, quality, config)
        write_page(page, part / PAGE_FILE)
    return folder


def _write_files(
    folder: Path, source: Source, generated: GeneratedRows, quality: Quality, config: dict[str, Any]
) -> None:
    frame = source.codec.written(generated.rows)
    table = pa.Table.from_pandas(frame, preserve_index=False)
    parquet.write_table(marked(table, config["choices"]["generator"]), folder / ROWS_FILE)
    origin(source, generated, config).to_parquet(folder / ORIGIN_FILE, index=False)
    quality.columns.to_parquet(folder / COLUMNS_FILE, index=False)
    quality.pairs.to_parquet(folder / PAIRS_FILE, index=False)
    kept = ("dataset", "generator", "judged_on", "seed", "overrides", "choices")
    note = {
        "generated": True,
        "generator": config["choices"]["generator"],
        "rows": len(frame),
        "source": {"name": source.name, "content": source.content, "rows": len(source.train)},
        "verdict": quality.verdict,
        "columns_left_out": source.codec.left_out,
        "lepton": lepton.__version__,
        **{key: config[key] for key in kept},
    }
    for name, content in ((NOTE_FILE, note), (QUALITY_FILE, quality.scores())):
        text = json.dumps(content, indent=2, default=str)
        (folder / name).write_text(text + "\n", encoding="utf-8")


def origin(source: Source, generated: GeneratedRows, config: dict[str, Any]) -> pd.DataFrame:
    """Where each generated row is from: a row each.

    `parent_1` and `parent_2` are `id`s of rows of the source, which count its rows from 0.
    """
    frame = pd.DataFrame({"row": np.arange(len(generated.rows))})
    frame["generator"] = config["choices"]["generator"]
    frame["source"], frame["seed"] = source.content, config["seed"]
    for place, parents in enumerate(generated.parents.T, 1):
        frame[f"parent_{place}"] = source.train_ids[parents]
    return frame
