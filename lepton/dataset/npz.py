"""Data sets of images in a NumPy archive, as those of MedMNIST are."""

import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lepton.dataset.idx import LABEL, named
from lepton.dataset.image import IMAGE_COLUMN, ImageData
from lepton.errors import DataError

SPLIT = "split"  # the column that says where a row belongs
ARRAYS = {  # of the images and the labels of a split, as several publishers name them
    "train": (("train_images", "train_labels"), ("x_train", "y_train")),
    "val": (("val_images", "val_labels"), ("x_val", "y_val")),
    "test": (("test_images", "test_labels"), ("x_test", "y_test")),
}


class Npz(ImageData):
    """A file with arrays of images and labels for train, test and perhaps val."""

    def __init__(self, *, path: str, class_names: list[str] | None, **images: Any):
        super().__init__(**images)
        self.path, self.class_names = path, class_names

    def file_names(self) -> tuple[str, str]:
        """What messages call the rows of train and those of test, which are of one file."""
        return f"{self.path}: train", f"{self.path}: test"

    def read(self) -> tuple[pd.DataFrame, pd.DataFrame | None]:
        """The pictures with their labels and the names of their splits.

        Those of test are apart, as of a test file, where the names do not split the rows.
        """
        path = Path(self.path).expanduser()
        if path.is_file() and not zipfile.is_zipfile(path):
            raise DataError(f"{path}: is no npz file, or only the begin of one")
        try:
            with np.load(path, allow_pickle=False) as archive:
                frames = {split: self._read(archive, split) for split in ARRAYS}
        except (OSError, ValueError, KeyError, zipfile.BadZipFile, zlib.error, MemoryError) as e:
            raise DataError(f"{path}: cannot be read ({' '.join(str(e).split())})") from e
        if frames["train"] is None:
            raise DataError(f"{path}: has no arrays {' and '.join(ARRAYS['train'][0])}")
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

    def _read(self, archive: Any, split: str) -> pd.DataFrame | None:
        """The rows of a split; None where the archive has no such arrays."""
        pairs = [pair for pair in ARRAYS[split] if set(pair) <= set(archive.files)]
        if not pairs:
            return None
        images, labels = (archive[name] for name in pairs[0])
        if labels.ndim == 2 and labels.shape[1] == 1:
            labels = labels[:, 0]
        if labels.ndim != 1 or len(labels) != len(images):
            raise DataError(
                f"{self.path}: {pairs[0][1]} has the shape {labels.shape}, and {pairs[0][0]} "
                f"{len(images)} images; a label for each is right"
            )
        return pd.DataFrame(
            {
                IMAGE_COLUMN: list(images),
                LABEL: named(labels, self.class_names),
                SPLIT: np.full(len(images), split, dtype=object),
            }
        )
