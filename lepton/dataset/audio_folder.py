"""Data sets of files of sounds: a folder for each class, names that say it, or a table of paths."""

from typing import Any

import pandas as pd

from lepton.audio.decoding import AUDIO_ENDINGS
from lepton.dataset.audio import AudioData
from lepton.dataset.clean.suggestion import suggestion
from lepton.dataset.file_folder import FileFolder
from lepton.dataset.load.streaming import FileSource, reads_as
from lepton.dataset.read.file_table import LABEL, FileTable, naming_folder
from lepton.dataset.read.named_files import read_named_files
from lepton.errors import DataError
from lepton.values.bounds import AtLeast0, NotBelow0

SHOWN_VALUES = 8  # of a column, in a message


class AudioFolder(AudioData, FileFolder):
    """A folder with a folder of sounds for each class, or a CSV of paths and labels.

    `names`: columns that are made of the parts of files' names, between `separator`; then a folder
    needs no folders. `test_column`, `test_values`: rows that are the test split.
    """

    folder_keys = ("path", "test_path", "root")
    root_keys = ("root",)

    def __init__(
        self,
        *,
        path: str,
        test_path: str | None,
        audio: str,
        root: str | None,
        encoding: str,
        names: list[str] | None,
        separator: str,
        test_column: str | None,
        test_values: list[str | int],
        memory_gb: NotBelow0 | None,
        cache_gb: NotBelow0 | None,
        decoding_threads: AtLeast0,
        **sounds: Any,
    ):
        self.audio_column = audio
        super().__init__(**sounds)
        self.paths, self.memory_gb = (path, test_path), memory_gb
        self.cache_gb, self.decoding_threads = cache_gb, decoding_threads
        self.names, self.separator = names, separator
        self.test_column, self.test_values = test_column, [str(value) for value in test_values]
        skips = self.audio_inputs.on_error == "skip"
        self.table = FileTable("sound", audio, "audio", AUDIO_ENDINGS, root, encoding, skips)

    def file_names(self) -> tuple[str, str]:
        """The paths of both, as they were given."""
        path, test_path = self.paths
        return path, test_path or f"{path}: the test rows"

    def read(self) -> tuple[pd.DataFrame, pd.DataFrame | None]:
        """The paths of the sounds with their labels; apart from them those of the test split.

        Raises: DataError for test rows that there are not.
        """
        frame, test = super().read()
        if self.test_column is None and not self.test_values:
            return frame, test
        if test is not None:
            raise DataError("dataset.test_column: says which rows are the test; so does test_path")
        return self._divided(frame, str(self.test_column))

    def _divided(self, frame: pd.DataFrame, column: str) -> tuple[pd.DataFrame, pd.DataFrame]:
        """The rows, and apart from them those whose column says that they are the test."""
        if column not in frame.columns:
            hint = suggestion(column, frame.columns)
            raise DataError(f"dataset.test_column={column}: no such column{hint}")
        cells = frame[column].astype(str)
        if absent := [value for value in self.test_values if value not in set(cells)]:
            seen = ", ".join(sorted(set(cells))[:SHOWN_VALUES])
            raise DataError(
                f"dataset.test_values: column {column!r} has no {absent[0]!r}; it has {seen}"
            )
        is_test = cells.isin(self.test_values)
        if is_test.all() or not is_test.any():
            which = "all rows" if is_test.any() else "no row"
            raise DataError(f"dataset.test_values: {which} of column {column!r} would be the test")
        notes = frame.attrs.pop("notes", [])
        own, test = (frame[rows].reset_index(drop=True) for rows in (~is_test, is_test))
        own.attrs["notes"] = notes
        return own, test

    def stream_source(self) -> FileSource | None:
        """The files; None where their length is not bounded, and in a class of the user's own that
        reads other rows."""
        if not reads_as(self, AudioFolder):
            return None
        return self.file_source(
            names=[self.names, self.separator],
            test=[self.test_column, self.test_values],
            speaker=[self.speaker, self.is_split_given],
        )

    def read_one(self, path: str) -> pd.DataFrame:
        if self.names is None:
            return super().read_one(path)
        self.table.refuse_root(path)
        with naming_folder():
            frame, strays = read_named_files(
                path,
                self.names,
                self.separator,
                column=self.audio_column,
                label=LABEL,
                endings=AUDIO_ENDINGS,
                what="sound",
            )
        return self.table.as_frame(frame, strays, path)
