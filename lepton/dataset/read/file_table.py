"""FileTable: reads the paths of files with their labels, from a folder a class or from a CSV."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from lepton.dataset.clean.cleaning_note import CleaningNote
from lepton.dataset.clean.suggestion import suggestion
from lepton.dataset.read.any_table import PARQUET
from lepton.dataset.read.class_folders import files_by_class
from lepton.dataset.read.csv_file import read_csv
from lepton.dataset.read.parquet_file import read_parquet
from lepton.dataset.read.rooted_paths import is_path, refuse_no_root, rooted_paths
from lepton.errors import DataError
from lepton.foreign_text import printable
from lepton.storage.file_cell import path_or_bytes

CSV_OPTIONS: dict[str, Any] = {
    **{"separator": None, "quote": '"', "decimal": None},
    **{"header": True, "names": None, "missing": [""]},
}
LABEL = "label"  # the column of class names that folders give


@dataclass(frozen=True)
class FileTable:
    """How a data set of files reads its rows: of a folder a class, or of a CSV or Parquet file.

    `what`: a file is, as "image"; `column`: of paths, which the YAML's key `key` names; `endings`:
    of the files in folders, in small letters; `root`: the folder that the paths of a CSV start
    from; none leads out of it. `encoding`: of a CSV. `skips`: a row of a CSV without a path is left
    to who decodes files.
    """

    what: str
    column: str
    key: str
    endings: Collection[str]
    root: str | None
    encoding: str
    skips: bool

    def read(self, path: str, *, least_classes: int = 2) -> pd.DataFrame:
        """The paths of the files with their labels, or all that a CSV says of them.

        Raises: DataError for folders that are no classes, or too few, and for paths that cannot be
            used.
        """
        folder = Path(path).expanduser()
        if not folder.is_dir():
            return self._read_table(folder)
        self.refuse_root(path)
        with naming_folder():
            files, strays = files_by_class(
                folder, self.endings, what=self.what, least_classes=least_classes
            )
        return self.as_frame(pd.DataFrame(files, columns=[self.column, LABEL]), strays, path)

    def as_frame(self, frame: pd.DataFrame, strays: list[str], path: str) -> pd.DataFrame:
        """The rows of a folder, with a note on the files that are left out."""
        if strays:
            remark = f"files that are no {self.what}s by their ending, left out"
            first = printable(strays[0], one_line=True)
            note = CleaningNote(f"{remark}; the first: {first}", len(strays), path)
            frame.attrs["notes"] = [note]
        return frame

    def refuse_root(self, path: str) -> None:
        """Raises: DataError where a folder is given beside the one that is read."""
        if self.root is not None:
            raise DataError(
                f"dataset.root={self.root}: is for the paths of a CSV, and {path} is a folder"
            )

    def _read_table(self, path: Path) -> pd.DataFrame:
        if path.suffix.lower() in PARQUET:
            frame = read_parquet(str(path), files=self.column)
        else:
            refuse_no_root(self.root, path, self.column)
            frame = read_csv(str(path), encoding=self.encoding, **CSV_OPTIONS)
        if self.column not in frame.columns:
            hint = suggestion(self.column, frame.columns)
            raise DataError(f"{path}: dataset.{self.key}={self.column}: no such column{hint}")
        lacking = ~frame[self.column].map(_names_or_is_file).astype(bool).to_numpy()
        if lacking.any() and not self.skips:
            row = int(lacking.argmax()) + 1
            more = f" ({lacking.sum()} such rows in all)" if lacking.sum() > 1 else ""
            message = f"{path}, row {row}: column {self.column!r} holds no path{more}; "
            raise DataError(f"{message}dataset.on_error=skip leaves them out")
        return rooted_paths(frame, [self.column], self.root, str(path))


def _names_or_is_file(cell: Any) -> bool:
    """True for a path, and for the content of a file, as Parquet may hold it."""
    return is_path(cell) or isinstance(path_or_bytes(cell), bytes)


@contextmanager
def naming_folder() -> Iterator[None]:
    """Turns what reading folders raises into a DataError that names the one."""
    try:
        yield
    except OSError as e:
        raise DataError(f"{printable(e.filename, one_line=True)}: {e.strerror}") from None
