"""FileFolder: what data sets of files share, whether pictures, sounds or clips."""

import shutil
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from lepton.dataset.data import Data
from lepton.dataset.inputs.decoded import DecodedInputs
from lepton.dataset.load.streaming import GIGABYTE, FileSource, excess_words
from lepton.dataset.read.file_table import FileTable
from lepton.errors import DataError
from lepton.storage.cache import cache_folder
from lepton.storage.machine_memory import usable_memory

DISK_SHARE = 0.5  # of the disk of the cache, where no budget is given


class FileFolder(Data):
    """Beside the base of a kind: reads a folder with a folder of files for each class, or a CSV.

    A subclass sets `paths` (`dataset.path` and `test_path`) and `table`, and says how many bytes
    the rows take. `root`: the folder that the paths of a CSV start from; none leads out of it.
    """

    layout_keys = ("encoding",)
    paths: tuple[str, str | None]
    table: FileTable
    cache_gb: float | None = None  # that decoded files may take of the disk
    decoding_threads: int  # that decode them while training, where they would take more

    def decode_by_batch(self, source: FileSource | None, copies: int) -> str | None:
        if source is None:
            if self.cache_gb is not None:
                raise DataError(
                    f"dataset.cache_gb={self.cache_gb:g}: what the files become is not known "
                    "before they are decoded; give dataset.size, of sounds dataset.seconds and rate"
                )
            return None
        if not (excess := self._excess(source.bytes * copies)):
            return None
        size = source.bytes / max(sum(len(frame) for frame in self._frames if frame is not None), 1)
        if size > (memory := usable_memory()):
            raise DataError(
                f"one file would become {size / GIGABYTE:.3g} GB, and this machine has "
                f"{memory / GIGABYTE:.3g} GB of memory; ask for less, as by a smaller dataset.size"
            )
        for kind in self.inputs:
            if isinstance(kind, DecodedInputs):
                kind.decoding_threads = self.decoding_threads
        threads = f"{self.decoding_threads} threads" if self.decoding_threads else "each step"
        return f"their files, which {threads} decode anew: they would take {excess}"

    def _excess(self, size: int) -> str | None:
        """What decoded files take of the disk, in words, where it is more than the budget."""
        folder = cache_folder()
        while not folder.exists():
            folder = folder.parent
        whole = shutil.disk_usage(folder).total
        given = self.cache_gb
        budget = DISK_SHARE * whole if given is None else given * GIGABYTE
        return excess_words(size, given, budget, "disk", "cache_gb")

    def file_names(self) -> tuple[str, str]:
        """The paths of both, as they were given."""
        path, test_path = self.paths
        return path, test_path or ""

    def read(self) -> tuple[pd.DataFrame, pd.DataFrame | None]:
        """The paths of the files with their labels."""
        frame, test = self._frames
        return frame.copy(deep=False), None if test is None else test.copy(deep=False)

    @cached_property
    def _frames(self) -> tuple[pd.DataFrame, pd.DataFrame | None]:
        path, test_path = self.paths
        return self.read_one(path), self.read_one(test_path) if test_path else None

    def read_one(self, path: str) -> pd.DataFrame:
        """The paths of the files that one path leads to, with their labels."""
        return self.table.read(path, least_classes=2 if self.only_class is None else 1)

    def file_source(self, row_bytes: int, **options: Any) -> FileSource:
        """The files, of which a row takes so many bytes, and the options that they are read by."""
        cells = [cell for frame in self.read() if frame is not None for cell in frame[self.column]]
        tables = [path for path in self.paths if path and not Path(path).expanduser().is_dir()]
        paths = [cell for cell in cells if isinstance(cell, str)]
        return FileSource(
            paths=[*tables, *paths],
            options={"column": self.column, "root": self.table.root, **options},
            bytes=len(cells) * row_bytes,
        )

    @property
    def column(self) -> str:
        """The column of paths."""
        return self.table.column
