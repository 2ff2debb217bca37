"""Predicts the rows of a file, or the files of a folder, block by block, into another file."""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from lepton.batch_prediction.row_writers import row_writer
from lepton.dataset.clean.suggestion import suggestion
from lepton.dataset.inputs.kind import InputKind
from lepton.dataset.read.parquet_file import ParquetTable
from lepton.dataset.read.raw_table import RawTable
from lepton.dataset.read.rooted_paths import rooted_paths
from lepton.errors import DataError, LeptonError, RowError
from lepton.evaluation.file_rows import open_rows
from lepton.predict import load_model
from lepton.prediction.folder_rows import open_folder

MOST_CLASSES = 12  # that are counted in the line at the end


def predict_file(run: Path, path: Path, out: Path, config: dict[str, Any]) -> list[str]:
    """Writes a row of predictions for each row of a file; returns what is said of them.

    `config` is that of `lepton predict`.
    Raises: LeptonError for a run that is not finished, and a file that cannot be written or is
        there; DataError naming the file, and what in it the model cannot read.
    """
    refuse_output(path, out, overwrite=config["overwrite"])
    model = load_model(run)
    kinds = model.inputs
    table = open_folder(path, kinds) if path.is_dir() else open_rows(path, run)
    kept = kept_columns(table, kinds, config["keep"], path)
    path_columns = [n for kind in kinds if kind.file_endings for n in kind.own_columns]
    counts, rows = Counter[Any](), 0
    types = table.types if isinstance(table, ParquetTable) else {}
    with row_writer(out, {name: types[name] for name in kept if name in types}) as write:
        for carried, block in read_blocks(table, config["rows"]):
            try:
                if (root := config["root"]) is not None:
                    block = rooted_paths(block, path_columns, root, str(path), "root")
                columns = model.answers(block)
            except DataError as e:
                error = str(e.after(rows) if isinstance(e, RowError) else e)
                raise DataError(f"{path}: {error.removeprefix(f'{path}, ')}") from None
            if clashing := [name for name in columns if name in kept]:
                raise DataError(
                    f"{path}: column {clashing[0]!r} is what a column of predictions is called; "
                    "leave it out with keep=none, or keep=[...]"
                )
            counts.update(columns["predicted"].tolist() if "predicted" in columns else ())
            try:
                write(carried[kept].assign(**columns))
            except DataError as e:
                raise DataError(f"{path}: {e}") from None
            rows += len(block)
    lines = [f"{out}: {rows} rows{_shares(counts)}"]
    followed = model.rule.describe() if model.rule else ""
    return [*lines, f"evaluation=decision of the run: {followed}"] if followed else lines


def refuse_output(path: Path, out: Path, *, overwrite: bool) -> None:
    """Raises: LeptonError for an output that is the input, or a file that is there."""
    if not os.path.exists(path):
        raise DataError(f"{path}: no such file or folder (looked in {Path.cwd()})")
    if not os.path.exists(out):
        return
    if path.samefile(out):
        raise LeptonError(f"--out {out}: is the file to predict")
    if out.is_dir():
        raise LeptonError(f"--out {out}: a folder; a name such as predictions.csv is right")
    if not out.is_file():
        raise LeptonError(f"--out {out}: a pipe or a device; name a file, as predictions.csv")
    if not overwrite:
        raise LeptonError(f"--out {out}: is there; overwrite=true replaces it")


def read_blocks(table: RawTable, rows: int) -> Iterator[tuple[pd.DataFrame, pd.DataFrame]]:
    """Blocks of rows as they are in the file, and as models take them.

    The two differ where whole numbers are missing: pandas makes all of the column floats, which
    hold no more than 15 digits.
    """
    names = list(table.columns)
    if not isinstance(table, ParquetTable):
        yield from ((block, block) for block in table.blocks(names, rows))
        return
    whole = [name for name in names if pa.types.is_integer(table.types[name])]
    for block in table.exact_blocks(names, rows):
        floats = {n: block[n].astype(float) for n in whole if block[n].dtype == object}
        yield block, block.assign(**floats)


def kept_columns(
    table: RawTable, kinds: Sequence[InputKind], keep: str | list[str], path: Path
) -> list[str]:
    """The columns of a table that go along with the predictions, in its order or in the given one.

    Raises: DataError for one that there is not.
    """
    names = [str(name) for name in table.columns]
    if isinstance(keep, list):
        for name in keep:
            if name not in names:
                raise DataError(f"keep: {path} has no column {name!r}{suggestion(name, names)}")
        return list(dict.fromkeys(keep))
    read = {name for kind in kinds for name in kind.read_columns} if keep == "unread" else set()
    return [name for name in names if name not in read] if keep != "none" else []


def _shares(counts: Counter[Any]) -> str:
    """How many rows were taken for each class."""
    if not 0 < len(counts) <= MOST_CLASSES:
        return ""
    ordered = (f"{name} {count}" for name, count in counts.most_common())
    return f"; predicted {', '.join(ordered)}"
