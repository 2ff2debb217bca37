"""How the images were scaled that pretrained weights have seen: of preprocessor_config.json."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lepton.errors import DataError
from lepton.pretrained.location import local_folder

PROCESSOR_FILE = "preprocessor_config.json"
LEVELS = 255  # of a pixel beside 0


def weights_scaling(path: str) -> tuple[list[float], list[float]] | None:
    """Mean and standard deviation of the channels; None where the folder or name does not say.

    Units: of pixels from 0 to 1.
    Raises: DataError for a file that holds something else.
    """
    file = _processor_file(path)
    if file is None:
        return None
    try:
        return _scaling(json.loads(file.read_text()))
    except (OSError, ValueError, TypeError, KeyError, ZeroDivisionError) as e:
        reason = " ".join(str(e).split()) or type(e).__name__
        raise DataError(f"model.path: {file}: does not say how images are scaled ({reason})") from e


def write_scaling(folder: Path, mean: Sequence[float], std: Sequence[float]) -> None:
    """Writes the file for a folder. Units: of pixels from 0 to 1."""
    values = {"image_mean": [*mean], "image_std": [*std]}
    (folder / PROCESSOR_FILE).write_text(json.dumps(values))


def _processor_file(path: str) -> Path | None:
    """The file of a folder, or of a name on the hub; None where there is none."""
    if folder := local_folder(path):
        file = folder / PROCESSOR_FILE
        return file if file.is_file() else None
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError

    try:
        return Path(hf_hub_download(path, PROCESSOR_FILE))
    except EntryNotFoundError:
        return None


def _scaling(values: dict[str, Any]) -> tuple[list[float], list[float]] | None:
    """For pixels from 0 to 1, whatever unit the file has them in."""
    if not values.get("do_normalize", True):
        mean, std = [0.0], [1.0]
    elif "image_mean" not in values or "image_std" not in values:
        return None
    else:
        mean, std = ([float(v) for v in values[key]] for key in ("image_mean", "image_std"))
    if not (mean and len(mean) == len(std) and all(value > 0 for value in std)):
        raise ValueError("image_mean and image_std")
    unit = float(values.get("rescale_factor", 1 / LEVELS)) if values.get("do_rescale", True) else 1
    return [m / unit / LEVELS for m in mean], [s / unit / LEVELS for s in std]
