"""What trackers are told of a run: who it is, its config, and how it ended."""

import hashlib
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from lepton.config.data_identity import data_name
from lepton.storage.results import finished_result
from lepton.storage.run_files import read_run_table
from lepton.storage.run_folder import (
    CONFIG_FILE,
    ENVIRONMENT_FILE,
    HISTORY_FILE,
    LOG_FILE,
    OVERRIDES_FILE,
    RESULT_FILE,
)

SUMMARY = ("score", "seconds", "epochs", "best_epoch", "parameters", "trainable", "memory_mb")
FILES = (CONFIG_FILE, OVERRIDES_FILE, ENVIRONMENT_FILE, RESULT_FILE, HISTORY_FILE, LOG_FILE)


@dataclass(frozen=True)
class TrackedRun:
    """A run by the folder that it has when it is finished, with its config."""

    folder: Path
    config: dict[str, Any]

    @property
    def name(self) -> str:
        """The name of its folder."""
        return self.folder.name

    @property
    def study(self) -> str:
        """The study that it lies in, by which trackers group runs."""
        return self.folder.parent.name

    @cached_property
    def id(self) -> str:
        """What a tracker knows it by, so that it is told of a run again and not of another one."""
        return hashlib.sha256(f"{self.study}/{self.name}".encode()).hexdigest()[:16]

    @property
    def tags(self) -> dict[str, str]:
        """What runs are looked up by."""
        model = (self.config.get("choices") or {}).get("model", "model")
        told = {"study": self.study, "data": data_name(self.config), "model": model}
        return told | {"seed": str(self.config.get("seed")), "folder": self.folder.as_uri()}

    @cached_property
    def params(self) -> dict[str, Any]:
        """Every key of the config, dotted; lists as JSON."""
        plain = json.loads(json.dumps(self.config, default=str))
        return dict(_leaves(plain, ""))


@dataclass(frozen=True)
class FinishedRun(TrackedRun):
    """A finished run, with its metrics, its history by epoch, and the files to keep with it.

    `history` has the metrics of each epoch; `files` are paths by the folder that they go into.
    """

    metrics: dict[str, float] = field(default_factory=dict)
    history: list[tuple[int, dict[str, float]]] = field(default_factory=list)
    files: list[tuple[str, Path]] = field(default_factory=list)

    @property
    def last_step(self) -> int:
        """The step behind the last epoch, at which trackers with steps are told `metrics`."""
        return self.history[-1][0] + 1 if self.history else 0


def finished_run(folder: Path) -> FinishedRun:
    """All that a tracker is told of the finished run in a folder.

    Raises: LeptonError when it is not finished, or cannot be read.
    """
    result = finished_result(folder)
    numbers = {name: getattr(result, name) for name in SUMMARY}
    for name, values in result.added.items():
        numbers |= {f"{name}/{key}": value for key, value in values.items()}
    return FinishedRun(
        folder=folder.absolute(),
        config=result.config,
        metrics=dict(_finite(numbers | result.metrics)),
        history=list(_epochs(folder)),
        files=[("", folder / name) for name in FILES if (folder / name).is_file()],
    )


def _epochs(folder: Path) -> Iterator[tuple[int, dict[str, float]]]:
    """The number of each epoch of a run, and its metrics, as a tracker hears them in training."""
    frame = read_run_table(folder, HISTORY_FILE)
    for position, row in enumerate(frame.to_dict("records")):
        values = {str(key): row[key] for key in row if "/" in str(key)}
        yield int(row.get("epoch", position)), dict(_finite(values))


def _finite(values: dict[str, Any]) -> Iterator[tuple[str, float]]:
    """The numbers among values: trackers differ in what they make of others."""
    for name, value in values.items():
        if isinstance(value, int | float) and math.isfinite(value):
            yield name, float(value)


def _leaves(node: dict[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in node.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", json.dumps(value) if isinstance(value, list | dict) else value
