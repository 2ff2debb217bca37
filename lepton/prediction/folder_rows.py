"""The files of a folder as rows of a table, for models that read pictures, sounds or clips."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from lepton.dataset.inputs.kind import InputKind
from lepton.dataset.read.class_folders import files_below, refuse_other_names
from lepton.dataset.read.raw_table import FrameTable, RawTable
from lepton.errors import DataError

FILE_COLUMN = "file"  # of the files of a folder, from there on


def open_folder(folder: Path, kinds: Sequence[InputKind]) -> RawTable:
    """A row for each file of a folder and those in it that the model reads, in order of names.

    Raises: DataError for a model that reads no files, or something beside them, and where there
        are none.
    """
    reading = [kind for kind in kinds if kind.own_columns or kind.takes_rest]
    if len(reading) != 1 or not reading[0].file_endings or len(reading[0].own_columns) != 1:
        read = " and ".join(kind.plural for kind in reading)
        raise DataError(f"{folder}: a folder, where the model reads {read}; give a file of rows")
    kind, (column,) = reading[0], reading[0].own_columns
    paths = sorted(
        name for name in files_below(str(folder)) if Path(name).suffix.lower() in kind.file_endings
    )
    if not paths:
        raise DataError(f"{folder}: no {kind.plural} ({', '.join(kind.file_endings)})")
    refuse_other_names(paths)
    files = [Path(name).relative_to(folder).as_posix() for name in paths]
    return FrameTable(pd.DataFrame({FILE_COLUMN: files, column: paths}, dtype=object))
