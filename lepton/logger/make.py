"""Makes the tracker that a node of a config names."""

from pathlib import Path
from typing import Any

from hydra.errors import InstantiationException

from lepton import build
from lepton.compat.hydra import cause_of, cause_text
from lepton.compat.lightning import Logger
from lepton.compat.optional import how_to_install
from lepton.config.signature import read_signature
from lepton.errors import LeptonError, TrackerFailed
from lepton.logger.tracked_run import TrackedRun

WRONG_VALUES = (ImportError, TypeError, ValueError)  # of a tracker that is missing or misused


def make_tracker(node: dict[str, Any], option: str, run: TrackedRun, folder: Path) -> Logger:
    """The tracker of a node, which is told of this run; the run is written in `folder`.

    Raises: LeptonError that names what to install; TrackerFailed when it cannot begin.
    """
    parameters = read_signature(node["_target_"]).parameters
    supplied = {"save_dir": str(folder), "run": run}
    supplied = {name: value for name, value in supplied.items() if name in parameters}
    try:
        tracker = build.instantiate(node, "logger", **supplied)
    except LeptonError:
        raise
    except Exception as e:
        if not isinstance(cause_of(e), (*WRONG_VALUES, InstantiationException)):
            raise TrackerFailed(cause_text(e)) from e
        raise LeptonError(f"{option}: {cause_text(e)}; {how_to_install('track')}") from e
    if "save_dir" in supplied:
        _require_inside(tracker, folder)
    return tracker


def _require_inside(tracker: Logger, folder: Path) -> None:
    """Raises: LeptonError for a tracker that writes elsewhere, once links are followed."""
    for place in (tracker.root_dir, tracker.log_dir):
        if place and not Path(place).resolve().is_relative_to(folder.resolve()):
            raise LeptonError(f"logger: writes to {place}, outside of the folder of the run")
