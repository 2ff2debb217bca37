"""Data sets of texts through the package datasets."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from lepton.compat.optional import import_optional
from lepton.dataset.load.streaming import FileSource, reads_as
from lepton.dataset.read.raw_table import ArrowTable, RawTable
from lepton.dataset.text import TextData
from lepton.errors import DataError
from lepton.values.bounds import NotBelow0

if TYPE_CHECKING:
    from datasets import Dataset


class HuggingFace(TextData):
    """A data set by name, or from a folder; class labels by their names."""

    content_keys = ("name", "config", "revision", "train", "test")

    def __init__(
        self,
        *,
        name: str,
        config: str | None,
        revision: str | None,
        train: str,
        test: str | None,
        memory_gb: NotBelow0 | None,
        **text: Any,
    ):
        super().__init__(**text)
        self.memory_gb = memory_gb
        self.path, self.config, self.revision = name, config, revision
        self.split_names = train, test
        self.is_fetched = not Path(name).expanduser().is_dir()

    def file_names(self) -> tuple[str, str]:
        """The names of both splits."""
        train, test = self.split_names
        return f"split {train!r}", f"split {test!r}"

    def read(self) -> tuple[pd.DataFrame, pd.DataFrame | None]:
        """The rows of the split to divide, and of the test split where there is one."""
        train, test = self._fetched
        return as_frame(train), as_frame(test) if test is not None else None

    def tables(self) -> tuple[RawTable, RawTable | None]:
        """The same rows as the package maps them, a block at a time where streamed."""
        if not self.arrays.streamed:
            return super().tables()
        train, test = self._fetched
        return _to_table(train), _to_table(test) if test is not None else None

    def stream_source(self) -> FileSource | None:
        """The files of both splits; None for a class of the user's own that changes their rows."""
        splits = [split for split in self._fetched if split is not None]
        if not ((paths := arrow_paths(splits)) and reads_as(self, HuggingFace)):
            return None
        return FileSource(
            paths=paths,
            options={"splits": [str(split) for split in self.split_names]},
            bytes=sum(split.data.nbytes for split in splits),
        )

    @cached_property
    def _fetched(self) -> "tuple[Dataset, Dataset | None]":
        return fetch_train_and_test(
            "huggingface",
            self.path,
            self.split_names,
            config=self.config,
            revision=self.revision,
        )


def fetch_train_and_test(
    option: str,
    path: str,
    split_names: tuple[str, str | None],
    *,
    config: str | None,
    revision: str | None,
) -> "tuple[Dataset, Dataset | None]":
    """The split to divide, and that of the final score where it has a name.

    Raises: DataError, as `fetch_splits`, and for splits that are not there, or are one.
    """
    splits = fetch_splits(path, config=config, revision=revision, option=option)
    train, test = split_names
    if train == test:
        raise DataError(
            f"dataset.test={test} is dataset.train too, so what is trained on would be scored "
            "on; dataset.test=null keeps a share of it"
        )
    for split in filter(None, split_names):
        if split not in splits:
            raise DataError(
                f"dataset={option}, {path}: no split {split!r} (there are: "
                f"{', '.join(splits)}); dataset.test=null keeps a share of dataset.train"
            )
    return splits[train], splits[test] if test else None


def fetch_splits(
    path: str, *, config: str | None, revision: str | None, option: str = "huggingface"
) -> "dict[str, Dataset]":
    """The splits of a data set by their names.

    Raises: DataError without a network, and for a set that does not exist.
    """
    datasets = import_optional("datasets", needed_by=f"dataset={option}")
    folder = Path(path).expanduser()
    with _without_progress_bars(datasets):
        try:
            if not folder.is_dir():
                return datasets.load_dataset(path, name=config, revision=revision)
            loaded = datasets.load_from_disk(str(folder))
        except (OSError, ValueError, RuntimeError, datasets.exceptions.DatasetsError) as e:
            reason = " ".join(str(e).split())[:200]
            offline = "" if folder.is_dir() else " (a name needs a network or a filled cache)"
            raise DataError(f"dataset={option}, {path}: not loaded{offline}: {reason}") from e
    return loaded if isinstance(loaded, dict) else {"train": loaded}


def arrow_paths(splits: "Iterable[Dataset]") -> list[str]:
    """The files that splits are mapped from; none where they are in memory."""
    return [file["filename"] for split in splits for file in split.cache_files]


def as_frame(dataset: "Dataset") -> pd.DataFrame:
    """The rows of a split, class labels by their names."""
    frame = dataset.to_pandas()
    for name, feature in dataset.features.items():
        if hasattr(feature, "int2str"):
            class_names = dict(enumerate(feature.names))
            frame[name] = frame[name].map(class_names)  # -1, no label, becomes missing
    return frame


def _to_table(dataset: "Dataset") -> RawTable:
    """The same rows as an Arrow table, which is mapped."""
    table = dataset.data.table
    for name, feature in dataset.features.items():
        if hasattr(feature, "int2str"):
            codes = table[name].cast(pa.int64())
            codes = pc.if_else(pc.greater_equal(codes, 0), codes, pa.scalar(None, pa.int64()))
            class_names = pc.take(pa.array(feature.names, pa.string()), codes.combine_chunks())
            table = table.set_column(table.schema.get_field_index(name), name, class_names)
    return ArrowTable(table, [])


@contextmanager
def _without_progress_bars(datasets: ModuleType) -> Iterator[None]:
    """Hides the bars of the package datasets, among which the run's own would be lost."""
    were_enabled = datasets.is_progress_bar_enabled()
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        if were_enabled:
            datasets.enable_progress_bars()
