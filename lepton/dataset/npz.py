"""Data sets of images in a NumPy archive, as those of MedMNIST are."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lepton.dataset.array_pictures import ArrayPictures
from lepton.dataset.idx import LABEL, named
from lepton.dataset.image import IMAGE_COLUMN
from lepton.dataset.load.streaming import reads_as
from lepton.dataset.read.npz_file import npz_head, npz_names, read_npz
from lepton.dataset.read.stored_array import StoredArray
from lepton.errors import DataError

SPLIT = "split"  # the column that says where a row belongs
ARRAYS = {  # of the images and the labels of a split, as several publishers name them
    "train": (("train_images", "train_labels"), ("x_train", "y_train")),
    "val": (("val_images", "val_labels"), ("x_val", "y_val")),
    "test": (("test_images", "test_labels"), ("x_test", "y_test")),
}


class Npz(ArrayPictures):
    """A file with arrays of images and labels for train, test and perhaps val."""

    def __init__(self, *, path: str, class_names: list[str] | None, **images: Any):
        super().__init__(**images)
        self.path, self.class_names = path, class_names
        self.file = Path(path).expanduser()

    def file_names(self) -> tuple[str, str]:
        """What messages call the rows of train and those of test, which are of one file."""
        return f"{self.path}: train", f"{self.path}: test"

    def read(self) -> tuple[pd.DataFrame, pd.DataFrame | None]:
        """The pictures with their labels and the names of their splits.

        Those of test are apart, as of a test file, where the names do not split the rows.
        """
        path, names = self.file, npz_names(self.file)
        frames = {split: self._read(names, split) for split in ARRAYS}
        if frames["train"] is None:
            pairs = " or ".join(" and ".join(pair) for pair in ARRAYS["train"])
            there = ", ".join(sorted(names)) or "none"
            raise DataError(f"{path}: has no arrays {pairs} (there are: {there})")
        if self.split_settings.column != SPLIT:
            own = [frames[split] for split in ("train", "val")]
            return pd.concat([f for f in own if f is not None], ignore_index=True), frames["test"]
        if absent := [split for split, frame in frames.items() if frame is None]:
            names = " and ".join(ARRAYS[absent[0]][0])
            raise DataError(
                f"{path}: has no arrays {names}; dataset.split=stratified "
                "dataset.split_column=null keeps a share of train for it"
            )
        return pd.concat(frames.values(), ignore_index=True), None

    def stored_pictures(self) -> list[StoredArray]:
        names = npz_names(self.file) if reads_as(self, Npz) else set()
        pairs = [_pair_of(split, names) for split in ARRAYS]
        return [npz_head(self.file, pair[0]) for pair in pairs if pair]

    def _read(self, names: set[str], split: str) -> pd.DataFrame | None:
        """The rows of a split; None where the archive has no such arrays."""
        if (pair := _pair_of(split, names)) is None:
            return None
        path, (name, label_name) = self.file, pair
        images = npz_head(path, name).mapped() if self.is_mapped else read_npz(path, name)
        labels = read_npz(path, label_name)
        if labels.ndim == 2 and labels.shape[1] == 1:
            labels = labels[:, 0]
        if labels.ndim != 1 or len(labels) != len(images):
            raise DataError(
                f"{self.path}: {label_name} has the shape {labels.shape}, and {name} "
                f"{len(images)} images; a label for each is right"
            )
        return pd.DataFrame(
            {
                IMAGE_COLUMN: list(images),
                LABEL: named(labels, self.class_names),
                SPLIT: np.full(len(images), split, dtype=object),
            }
        )


def _pair_of(split: str, names: set[str]) -> tuple[str, str] | None:
    """The names of the images and labels of a split, if an archive has these."""
    return next((pair for pair in ARRAYS[split] if {*pair} <= names), None)
