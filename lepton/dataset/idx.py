"""Data sets of images as the files of MNIST and its like have them."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lepton.dataset.array_pictures import ArrayPictures
from lepton.dataset.image import IMAGE_COLUMN
from lepton.dataset.load.streaming import reads_as
from lepton.dataset.read.idx_file import idx_head, read_idx
from lepton.dataset.read.stored_array import StoredArray
from lepton.errors import DataError

LABEL = "label"
PREFIXES = {"train": "train", "test": "t10k"}
IMAGES, LABELS = "images-idx3-ubyte", "labels-idx1-ubyte"


class Idx(ArrayPictures):
    """A folder with images and labels of a training and a test set, packed by gzip or not."""

    folder_keys = ("path",)

    def __init__(self, *, path: str, class_names: list[str] | None, **images: Any):
        super().__init__(**images)
        self.path, self.class_names = Path(path).expanduser(), class_names

    def file_names(self) -> tuple[str, str]:
        """The names of both files of images."""
        return _file_of(self.path, "train", IMAGES), _file_of(self.path, "test", IMAGES)

    def stored_pictures(self) -> list[StoredArray]:
        paths = self.file_names() if reads_as(self, Idx) else ()
        return [idx_head(Path(path)) for path in paths]

    def read(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """The pictures of both sets with their labels."""
        return self._read("train"), self._read("test")

    def _read(self, split: str) -> pd.DataFrame:
        paths = [Path(_file_of(self.path, split, what)) for what in (IMAGES, LABELS)]
        images = idx_head(paths[0]).mapped() if self.is_mapped else read_idx(paths[0])
        labels = read_idx(paths[1])
        if labels.ndim != 1 or len(labels) != len(images):
            raise DataError(
                f"{paths[1]}: holds {labels.shape} labels for the {len(images)} images of "
                f"{paths[0].name}"
            )
        return pd.DataFrame({IMAGE_COLUMN: list(images), LABEL: named(labels, self.class_names)})


def named(labels: np.ndarray, class_names: list[str] | None) -> np.ndarray:
    """Labels by the names of their classes, where these are given.

    Raises: DataError for a label without a name.
    """
    if class_names is None:
        return labels
    if labels.min(initial=0) < 0 or labels.max(initial=0) >= len(class_names):
        raise DataError(
            f"dataset.class_names: {len(class_names)} names for labels from {labels.min()} to "
            f"{labels.max()}"
        )
    return np.array(class_names, dtype=object)[labels]


def _file_of(folder: Path, split: str, what: str) -> str:
    """The path of one of the four files, as `train-images-idx3-ubyte.gz`."""
    names = [f"{PREFIXES[split]}-{what}{ending}" for ending in ("", ".gz")]
    for path in (folder / name for name in names):
        if path.is_file():
            return str(path)
    raise DataError(f"{folder}: has no file {names[0]} or {names[1]}")
