"""The rows that a generator learns from, and real ones that it has not seen, of a data set."""

import logging
from dataclasses import dataclass
from typing import Any

import numpy as np

from lepton import build
from lepton.config.data_identity import data_identity
from lepton.dataset.clean.cleaning_note import CleaningNote
from lepton.dataset.data import Data
from lepton.dataset.inputs.table import TableInputs
from lepton.dataset.read.raw_table import RawTable, join_tables
from lepton.errors import DataError
from lepton.generator.rows import TableRows
from lepton.synthesis.table_codec import TableCodec

LEAST_HELD_OUT = 20  # rows that a judgement is made on
TASKS = ("binary", "multiclass", "regression")


@dataclass(frozen=True)
class Source:
    """A data set as rows for a generator.

    `content` is the digest of what it is. Shapes: train_ids (n,), the `id`s of the training rows.
    """

    name: str
    content: str
    codec: TableCodec
    train: TableRows
    held_out: TableRows
    train_ids: np.ndarray
    notes: list[CleaningNote]


def read_source(config: dict[str, Any]) -> Source:
    """Reads, cleans and splits the data set of a config of `lepton synthesize`.

    Raises: DataError for what cannot be used, as a training would, and for a target that no
        generator makes.
    """
    data, whole = _read_quietly(config)
    ids = {split: rows["id"].numpy() for split, rows in data.splits.items()}
    split = config["judged_on"]
    held_out = ids.get(split, np.empty(0, dtype=np.int64))
    if len(held_out) < LEAST_HELD_OUT:
        raise DataError(
            f"judged_on={split}: the split has {len(held_out)} rows, and {LEAST_HELD_OUT} at least "
            f"are needed to judge what is generated; dataset.{split}_size makes it larger"
        )
    (inputs,) = data.inputs
    assert isinstance(inputs, TableInputs)
    kinds = {name: kind for name, kind in inputs.kinds.items() if kind != "ignore"}
    if data.weights.column is not None:
        kinds[data.weights.column] = "numeric"
    labels = np.full(len(whole), np.nan)
    for rows in data.splits.values():
        labels[rows["id"].numpy()] = rows["target"].double().numpy()
    codec = TableCodec.of(whole, kinds, data.spec, labels, ids["train"])
    train, kept = codec.rows(ids["train"]), codec.rows(held_out)
    identity = data_identity(config)
    return Source(
        identity["name"], identity["content"], codec, train, kept, ids["train"], data.notes
    )


def _read_quietly(config: dict[str, Any]) -> tuple[Data, RawTable]:
    """The data of a config, and all their rows as one table.

    Raises: DataError as `read_source`.
    """
    data = build.unread_data(config, every_kind=True)
    log = logging.getLogger("lepton")
    before, log.disabled = log.disabled, True  # the page tells what is told
    try:
        data.setup()
        table, test = data.tables()
    finally:
        log.disabled = before
    if data.spec.task not in TASKS:
        raise DataError(
            f"dataset.target: a generator makes classes or a number, and this target is "
            f"{data.spec.task}"
        )
    return data, join_tables(table, test, data.file_names()) if test is not None else table


def rows_to_make(source: Source, config: dict[str, Any]) -> int:
    """How many rows are generated.

    Raises: DataError where they, or the training rows, are too few to be judged by folds.
    """
    count, folds = config["rows"] or len(source.train), config["folds"]
    if min(count, len(source.train)) < folds:
        raise DataError(
            f"rows, folds: {count} generated and {len(source.train)} training rows are too few to "
            f"be told apart in folds={folds}; give more rows, or fewer folds"
        )
    return count
