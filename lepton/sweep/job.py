"""A run of a sweep, composed and checked before anything starts."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lepton.config.words import with_names


@dataclass(frozen=True)
class Job:
    """One run of a sweep: its overrides, its config as plain values, its folder.

    `watch(epoch, score)` is called after each epoch, with the larger score the better one; when it
    returns true, the run ends as pruned.
    """

    overrides: tuple[str, ...]
    config: dict[str, Any]
    folder: Path
    watch: Callable[[int, float], bool] | None = None

    def __str__(self) -> str:
        return " ".join(with_names(override.lstrip("+")) for override in self.overrides)
