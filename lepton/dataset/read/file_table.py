"""FileTable: reads the paths of files with their labels, from a folder a class or from a CSV."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from lepton.dataset.clean.cleaning_note import CleaningNote
from lepton.dataset.clean.suggestion import suggestion
from lepton.dataset.read.class_folders import files_by_class
from lepton.dataset.read.csv_file import read_csv
from lepton.errors import DataError

CSV_OPTIONS: dict[str, Any] = {
    **{"separator": None, "quote": '"', "decimal": None, "encoding": "utf-8"},
    **{"header": True, "names": None, "missing": [""]},
}
LABEL = "label"  # the column of class names that folders give


@dataclass(frozen=True)
class FileTable:
    """How a data set of files reads its rows.

    `what`: a file is, as "image"; `column`: of paths, which the YAML's key `key` names; `endings`:
    of the files in folders, in small letters; `root`: the folder that the paths of a CSV start
    from; none leads out of it.
    """

    what: str
    column: str
    key: str
    endings: Collection[str]
    root: str | None

    def read(self, path: str, *, least_classes: int = 2) -> pd.DataFrame:
        """The paths of the files with their labels, or all that a CSV says of them.

        Raises: DataError for folders that are no classes, or too few, and for paths that cannot be
            used.
        """
        folder = Path(path).expanduser()
        if not folder.is_dir():
            return self._read_table(folder)
        self.refuse_root(path)
        files, strays = files_by_class(
            folder, self.endings, what=self.what, least_classes=least_classes
        )
        return self.as_frame(pd.DataFrame(files, columns=[self.column, LABEL]), strays, path)

    def as_frame(self, frame: pd.DataFrame, strays: list[str], path: str) -> pd.DataFrame:
        """The rows of a folder, with a note on the files that are left out."""
        if strays:
            remark = f"files that are no {self.what}s by their ending, left out"
            note = CleaningNote(f"{remark}; the first: {strays[0]}", len(strays), path)
            frame.attrs["notes"] = [note]
        return frame

    def refuse_root(self, path: str) -> None:
        """Raises: DataError where a folder is given beside the one that is read."""
        if self.root is not None:
            raise DataError(
                f"dataset.root={self.root}: is for the paths of a CSV, and {path} is a folder"
            )

    def _read_table(self, path: Path) -> pd.DataFrame:
        if self.root is None:
            raise DataError(
                f"dataset.root: give the folder that the paths in {path} start from, "
                f"as dataset.root={path.parent}"
            )
        root = Path(self.root).expanduser()
        if not root.is_dir():
            raise DataError(f"dataset.root={self.root}: no such folder (looked in {Path.cwd()})")
        frame = read_csv(str(path), **CSV_OPTIONS)
        if self.column not in frame.columns:
            hint = suggestion(self.column, frame.columns)
            raise DataError(f"{path}: dataset.{self.key}={self.column}: no such column{hint}")
        inside, paths = root.resolve(), []
        for row, cell in enumerate(frame[self.column], 1):
            if not isinstance(cell, str) or not cell.strip():
                raise DataError(f"{path}, row {row}: column {self.column!r} holds no path")
            if not (root / cell).resolve().is_relative_to(inside):
                raise DataError(f"{path}, row {row}: {cell!r} is outside of dataset.root={root}")
            paths.append(str(root / cell))
        attrs = frame.attrs
        frame = frame.assign(**{self.column: pd.Series(paths, dtype=object, index=frame.index)})
        frame.attrs = attrs
        return frame
