"""Evaluations in the folder of a finished run, added one by one: each is whole or not there.

Tables lie in `evaluation/NAME/`; `result.json`, replaced last, holds the metrics, the settings
that they were made with, and the digest of each table. So what a killed process left counts as not
there.
"""

import hashlib
import io
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lepton.errors import Damaged, LeptonError
from lepton.storage.digests import replace_covered
from lepton.storage.files import locked_folder
from lepton.storage.regular_files import open_regular
from lepton.storage.results import Result, finished_result, replace_result
from lepton.storage.run_files import naming_damage, read_table_bytes

if TYPE_CHECKING:
    import pandas as pd

EVALUATION_FOLDER = "evaluation"
EVALUATED_SPLIT = "test"  # of which evaluators see the rows
PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


def metric_prefix(name: str) -> str:
    """The beginning of the metrics of an evaluator, as test@slices/."""
    return f"{EVALUATED_SPLIT}@{name}/"


def lacking_evaluations(
    folder: Path, result: Result, nodes: Mapping[str, dict[str, Any]]
) -> dict[str, dict[str, Any]]:
    """Those of the evaluators that the run was not evaluated by with these settings."""
    return {name: node for name, node in nodes.items() if not _holds(folder, result, name, node)}


def _holds(folder: Path, result: Result, name: str, settings: dict[str, Any]) -> bool:
    """True when a run has this evaluation, with all its tables as they were written."""
    record = result.evaluations.get(name)
    if record is None or record["settings"] != settings:
        return False
    return all(_content(folder, result, name, frame) is not None for frame in record["frames"])


def add_evaluation(
    folder: Path,
    result: Result,
    name: str,
    settings: dict[str, Any],
    metrics: Mapping[str, float],
    frames: "Mapping[str, pd.DataFrame]",
    **facts: str | None,
) -> Result:
    """Adds an evaluation to a run, in place of an earlier one of the same name.

    `result` is what was evaluated; `facts` stand in the record beside settings and digests.
    Raises: LeptonError when the run is another by now, or its folder cannot be written to.
    """
    try:
        with locked_folder(folder):
            current = finished_result(folder)
            if (current.seconds, current.score) != (result.seconds, result.score):
                raise LeptonError(f"{folder}: was trained again meanwhile; evaluate it again")
            digests = {
                frame: _write_frame(table, folder, frame_file(Path(), name, frame))
                for frame, table in frames.items()
            }
            prefix = metric_prefix(name)
            kept = {key: v for key, v in current.metrics.items() if not key.startswith(prefix)}
            added = {f"{prefix}{metric}": float(value) for metric, value in metrics.items()}
            record = {"settings": settings, "frames": digests, **facts}
            evaluations = {**current.evaluations, name: record}
            evaluated = replace(current, metrics={**kept, **added}, evaluations=evaluations)
            replace_result(evaluated, folder)
            return evaluated
    except OSError as e:
        raise LeptonError(f"{folder}: cannot be written to ({e.strerror})") from None


def damaged_frames(folder: Path, result: Result) -> list[str]:
    """A line for each table of an evaluation that is gone or not what was written."""
    return [
        f"{frame_file(Path(), name, frame)}: is gone, or not what was written"
        for name, record in result.evaluations.items()
        for frame in record["frames"]
        if _content(folder, result, name, frame) is None
    ]


def frame_file(folder: Path, name: str, frame: str) -> Path:
    """The file of a run folder with a table of the evaluator of this name."""
    return folder / EVALUATION_FOLDER / name / f"{frame}.parquet"


def _write_frame(table: "pd.DataFrame", folder: Path, name: Path) -> str:
    """Writes a table into a run's folder; returns the digest of its file."""
    buffer = io.BytesIO()
    table.to_parquet(buffer, index=False)
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    replace_covered(folder, name.as_posix(), buffer.getbuffer())
    return _digest(buffer.getvalue())


def read_evaluation_frame(folder: Path, name: str, frame: str) -> "pd.DataFrame | None":
    """A table of an evaluation; None where the run has none, or the file is not what was written.

    Raises: LeptonError when the result cannot be read.
    """
    content = _content(folder, finished_result(folder), name, frame)
    if content is None:
        return None
    with naming_damage(frame_file(folder, name, frame)):
        return read_table_bytes(content)


def read_evaluation_frames(folder: Path, name: str) -> "dict[str, pd.DataFrame]":
    """All tables of an evaluation, by name. Raises: as `read_evaluation_frame`."""
    names = finished_result(folder).evaluations.get(name, {}).get("frames", {})
    frames = {frame: read_evaluation_frame(folder, name, frame) for frame in names}
    return {frame: table for frame, table in frames.items() if table is not None}


def _content(folder: Path, result: Result, name: str, frame: str) -> bytes | None:
    """The file of a table, where it is what was written."""
    digests = result.evaluations.get(name, {}).get("frames", {})
    try:
        with open_regular(folder, frame_file(Path(), name, frame).as_posix()) as file:
            content = file.read()
    except (OSError, Damaged):
        return None
    return content if digests.get(frame) == _digest(content) else None


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
