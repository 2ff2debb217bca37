"""The mark of generated rows: in the Parquet file that holds them, wherever it is moved."""

from pathlib import Path

import pyarrow as pa
from pyarrow import parquet

from lepton.dataset.clean.cleaning_note import CleaningNote
from lepton.dataset.read.any_table import PARQUET
from lepton.errors import DataError

MARK = b"lepton.generated"


def marked(table: pa.Table, generator: str) -> pa.Table:
    """The table, whose file will say which generator made its rows."""
    return table.replace_schema_metadata(
        {**(table.schema.metadata or {}), MARK: generator.encode()}
    )


def generator_of(path: str) -> str | None:
    """The generator that a file says its rows are of; None where it says nothing."""
    file = Path(path).expanduser()
    if file.suffix.lower() not in PARQUET or not file.is_file():
        return None
    try:
        metadata = parquet.read_schema(file).metadata or {}
    except (OSError, pa.ArrowException):  # which reading the rows tells in its own words
        return None
    return metadata[MARK].decode(errors="replace") if MARK in metadata else None


def refuse_generated(path: str, place: str) -> None:
    """Raises: DataError for rows that do not exist, where a model is tested on them."""
    if (generator := generator_of(path)) is not None:
        raise DataError(
            f"{place}: its rows are generated (generator={generator}), and a score on them "
            "says nothing of real ones; give real rows to test on"
        )


def generated_notes(path: str, rows: int, *, is_tested: bool) -> list[CleaningNote]:
    """A note where the rows to learn from are generated; `is_tested`: those of test are too."""
    if (generator := generator_of(path)) is None:
        return []
    remark = f"rows are generated (generator={generator})"
    if is_tested:
        remark += ", those of test too, so that scores say nothing of real ones; "
        remark += "dataset.test_path names real ones"
    return [CleaningNote(remark, rows, path)]
