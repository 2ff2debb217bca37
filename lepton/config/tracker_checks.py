"""Checks before a run begins that a tracker writes inside of the run's folder."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lepton.config.chosen_options import chosen_nodes

PLACE_KEYS = ("name", "version", "sub_dir")  # that Lightning's loggers join to the run's folder


def tracker_problems(config: dict[str, Any]) -> Iterator[str]:
    """A line for each key of a tracker that leads out of the folder of a run."""
    for path, node in chosen_nodes(config, "logger").items():
        for key in PLACE_KEYS:
            place = Path(str(node.get(key) or "."))
            if place.is_absolute() or ".." in place.parts:
                yield f"{path}.{key}: {place} leads out of the folder of a run, where its files lie"
