"""Lists of texts, of paths, of pictures or of rows, each as a table."""

import io
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from lepton.audio.decoding import AUDIO_ENDINGS
from lepton.dataset.video_folder import VIDEO_ENDINGS
from lepton.errors import DataError
from lepton.image.decoding import IMAGE_ENDINGS
from lepton.in_memory.arrow_tables import Rows, of_array, of_pandas

ENDINGS = {"image": IMAGE_ENDINGS, "audio": AUDIO_ENDINGS, "video": VIDEO_ENDINGS}
LOSSLESS_MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "I", "I;16")  # that PNG holds as they are
IMAGE, TEXT = "image", "text"  # columns of what a list holds


def of_texts(data: Any) -> Rows | None:
    """The texts of a list, in a column of this name."""
    if not _all_are(data, str):
        return None
    table = pa.table({TEXT: pa.array(list(data), pa.string())})
    return Rows(table, "text_csv", {"dataset.text": TEXT}, "texts")


def of_paths(data: Any) -> Rows | None:
    """The paths of a list, from the folder on that they share.

    Raises: DataError for a path that leads to no file, and for files of several kinds.
    """
    if not _all_are(data, Path):
        return None
    files = [Path(os.path.abspath(path.expanduser())) for path in data]
    for file in files:
        if not file.is_file():
            raise DataError(f"{file}: no such file")
    kinds = {file.suffix.lower(): _kind(file) for file in files}
    if len({*kinds.values()}) > 1:
        raise DataError(f"files of several kinds ({', '.join(sorted(kinds))}); give those of one")
    (kind,) = {*kinds.values()}
    root = os.path.commonpath([file.parent for file in files])
    cells = [file.relative_to(root).as_posix() for file in files]
    settings = {f"dataset.{kind}": kind, "dataset.root": _short(root)}
    return Rows(pa.table({kind: cells}), f"{kind}_folder", settings, Path(root).name or "files")


def of_pictures(data: Any) -> Rows | None:
    """The Pillow images of a list, as the files that they would be without any loss."""
    if not _is_list(data) or not all(hasattr(item, "getbands") for item in data):
        return None
    cells = pa.array([_as_png(picture) for picture in data], pa.binary())
    return Rows(pa.table({IMAGE: cells}), "image_folder", {"dataset.image": IMAGE}, "pictures")


def of_records(data: Any) -> Rows | None:
    """The rows of a list, each a dict of cells or a list of numbers."""
    if _all_are(data, Mapping):
        return of_pandas(pd.DataFrame.from_records(list(data)))
    if _all_are(data, Sequence) or _all_are(data, np.ndarray):
        try:
            return of_array(np.asarray(data))
        except ValueError:
            raise DataError("a list of rows of different lengths") from None
    return None


def _is_list(data: Any) -> bool:
    return isinstance(data, list | tuple) and len(data) > 0


def _all_are(data: Any, kind: type) -> bool:
    return _is_list(data) and all(isinstance(item, kind) for item in data)


def _kind(file: Path) -> str:
    """The kind of inputs of a file by its ending."""
    for kind, endings in ENDINGS.items():
        if file.suffix.lower() in endings:
            return kind
    raise DataError(f"{file}: no picture, sound or clip by its ending")


def _short(folder: str) -> str:
    """A folder from the working directory on, where it lies below."""
    path = Path(folder)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else folder


def _as_png(picture: Any) -> bytes:
    content = io.BytesIO()
    kept = picture if picture.mode in LOSSLESS_MODES else picture.convert("RGB")
    kept.save(content, "PNG")
    return content.getvalue()
