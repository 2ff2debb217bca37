"""Data sets of images through the package datasets."""

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from lepton.dataset.decoding_budget import DecodingBudget
from lepton.dataset.huggingface import arrow_paths, as_frame, fetch_train_and_test
from lepton.dataset.image import ImageData
from lepton.dataset.load.streaming import FileSource, reads_as
from lepton.dataset.read.arrow_files import unread_files
from lepton.values.bounds import AtLeast0, NotBelow0

if TYPE_CHECKING:
    from datasets import Dataset


class HuggingFaceImages(ImageData, DecodingBudget):
    """A data set by name, or from a folder, with a column of images; labels by their names."""

    content_keys = ("name", "config", "revision", "train", "test", "image")

    def __init__(
        self,
        *,
        name: str,
        image: str,
        config: str | None,
        revision: str | None,
        train: str,
        test: str | None,
        memory_gb: NotBelow0 | None,
        cache_gb: NotBelow0 | None,
        decoding_threads: AtLeast0,
        **images: Any,
    ):
        self.image_column = image
        super().__init__(**images)
        self.path, self.config, self.revision = name, config, revision
        self.split_names = train, test
        self.is_fetched = not Path(name).expanduser().is_dir()
        self.memory_gb, self.cache_gb = memory_gb, cache_gb
        self.decoding_threads = decoding_threads

    def file_names(self) -> tuple[str, str]:
        """The names of both splits."""
        train, test = self.split_names
        return f"split {train!r}", f"split {test!r}"

    def read(self) -> tuple[pd.DataFrame, pd.DataFrame | None]:
        """The rows of the split to divide, and of the test split where there is one.

        Images are as the package stores them, encoded, and stay in its files until they are asked
        for.
        """
        train, test = self._fetched
        return self._frame(train), self._frame(test) if test is not None else None

    def stream_source(self) -> FileSource | None:
        """The files of both splits; None where the size of pictures is not given, and in a class of
        the user's own that reads other rows."""
        splits = [split for split in self._fetched if split is not None]
        paths, file_bytes = arrow_paths(splits), self.file_bytes()
        if file_bytes is None or not (paths and reads_as(self, HuggingFaceImages)):
            return None
        names = [str(split) for split in self.split_names]
        return FileSource(
            paths=paths,
            options={"splits": names, "column": self.image_column},
            bytes=sum(map(len, splits)) * file_bytes,
        )

    def _frame(self, split: "Dataset") -> pd.DataFrame:
        """The rows of a split, whose files are not read yet."""
        column = self.image_column
        if type(split.features.get(column)).__name__ != "Image":
            return as_frame(split)
        place = split.column_names.index(column)
        frame = as_frame(split.remove_columns(column))
        frame.index = pd.RangeIndex(len(split))
        frame.insert(place, column, unread_files(split.data.table[column]))
        return frame

    @cached_property
    def _fetched(self) -> "tuple[Dataset, Dataset | None]":
        return fetch_train_and_test(
            "huggingface_images",
            self.path,
            self.split_names,
            config=self.config,
            revision=self.revision,
        )
