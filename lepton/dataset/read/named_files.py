"""Reads a folder of files whose names say what they are, as 7_jackson_32.wav."""

from collections.abc import Collection, Sequence
from pathlib import Path

import pandas as pd

from lepton.dataset.read.class_folders import is_seen, refuse_other_names
from lepton.errors import DataError


def read_named_files(
    path: str,
    names: Sequence[str],
    separator: str,
    *,
    column: str,
    label: str,
    endings: Collection[str],
    what: str,
) -> tuple[pd.DataFrame, list[str]]:
    """The files below a folder, in order, with a column for each part of their names; and others.

    Where they lie in folders, a column `label` has the name of theirs.
    Raises: DataError for a file whose name has other parts, and a folder without files.
    """
    folder = Path(path).expanduser()
    if not folder.is_dir():
        raise DataError(f"dataset.names: is for the files of a folder, and {path} is none")
    if not separator or not names or len({*names, column}) <= len(names):
        listing = ",".join(names)
        raise DataError(
            f"dataset.names=[{listing}]: give a column for each part of the names, each another, "
            f"none of them {column!r}, as [digit,speaker,take], and dataset.separator between them"
        )
    seen = sorted(p for p in folder.rglob("*") if p.is_file() and is_seen(p.name))
    files = [file for file in seen if file.suffix.lower() in endings]
    strays = [str(file.relative_to(folder)) for file in seen if file.suffix.lower() not in endings]
    if not files:
        raise DataError(f"{folder}: no {what} in the folder")
    refuse_other_names(map(str, files))
    rows = [_parts(file, names, separator) for file in files]
    frame = pd.DataFrame(rows, columns=list(names))
    if label not in names and any(file.parent != folder for file in files):
        frame[label] = [file.parent.name for file in files]
    frame.insert(0, column, [str(file) for file in files])
    return frame, strays


def _parts(file: Path, names: Sequence[str], separator: str) -> list[str]:
    parts = file.stem.split(separator)
    if len(parts) != len(names):
        raise DataError(
            f"{file}: its name has {len(parts)} parts between {separator!r}, and "
            f"dataset.names=[{','.join(names)}] has {len(names)}"
        )
    return parts
