"""Data sets of texts through the package datasets."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pandas as pd

from lepton.compat.optional import import_optional
from lepton.dataset.text import TextData
from lepton.errors import DataError

if TYPE_CHECKING:
    from datasets import Dataset


class HuggingFace(TextData):
    """A data set by name, or from a folder; class labels by their names."""

    def __init__(
        self,
        *,
        name: str,
        config: str | None,
        revision: str | None,
        train: str,
        test: str | None,
        **text: Any,
    ):
        super().__init__(**text)
        self.path, self.config, self.revision = name, config, revision
        self.split_names = train, test

    def read(self) -> tuple[pd.DataFrame, pd.DataFrame | None]:
        """The rows of the split to divide, and of the test split where there is one."""
        splits = fetch_splits(self.path, config=self.config, revision=self.revision)
        train, test = self.split_names
        for split in filter(None, self.split_names):
            if split not in splits:
                raise DataError(
                    f"dataset=huggingface, {self.path}: no split {split!r} (there are: "
                    f"{', '.join(splits)}); dataset.test=null keeps a share of dataset.train"
                )
        return _to_frame(splits[train]), _to_frame(splits[test]) if test else None


def fetch_splits(path: str, *, config: str | None, revision: str | None) -> "dict[str, Dataset]":
    """The splits of a data set by their names.

    Raises: DataError without a network, and for a set that does not exist.
    """
    datasets = import_optional("datasets", needed_by="dataset=huggingface")
    folder = Path(path).expanduser()
    with _without_progress_bars(datasets):
        try:
            if not folder.is_dir():
                return datasets.load_dataset(path, name=config, revision=revision)
            loaded = datasets.load_from_disk(str(folder))
        except (OSError, ValueError, RuntimeError, datasets.exceptions.DatasetsError) as e:
            reason = " ".join(str(e).split())[:200]
            offline = "" if folder.is_dir() else " (a name needs a network or a filled cache)"
            raise DataError(f"dataset=huggingface, {path}: not loaded{offline}: {reason}") from e
    return loaded if isinstance(loaded, dict) else {"train": loaded}


def _to_frame(dataset: "Dataset") -> pd.DataFrame:
    """The rows of a split, class labels by their names."""
    frame = dataset.to_pandas()
    for name, feature in dataset.features.items():
        if hasattr(feature, "int2str"):
            class_names = dict(enumerate(feature.names))
            frame[name] = frame[name].map(class_names)  # -1, no label, becomes missing
    return frame


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
