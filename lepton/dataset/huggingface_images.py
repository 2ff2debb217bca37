"""Data sets of images through the package datasets."""

from pathlib import Path
from typing import Any

import pandas as pd

from lepton.dataset.huggingface import as_frame, fetch_train_and_test
from lepton.dataset.image import ImageData


class HuggingFaceImages(ImageData):
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
        **images: Any,
    ):
        self.image_column = image
        super().__init__(**images)
        self.path, self.config, self.revision = name, config, revision
        self.split_names = train, test
        self.is_fetched = not Path(name).expanduser().is_dir()

    def file_names(self) -> tuple[str, str]:
        """The names of both splits."""
        train, test = self.split_names
        return f"split {train!r}", f"split {test!r}"

    def read(self) -> tuple[pd.DataFrame, pd.DataFrame | None]:
        """The rows of the split to divide, and of the test split where there is one.

        Images are as the package stores them, encoded.
        """
        train, test = fetch_train_and_test(
            "huggingface_images",
            self.path,
            self.split_names,
            config=self.config,
            revision=self.revision,
        )
        return as_frame(train), as_frame(test) if test is not None else None
