"""Tells trackers all of a finished run, whatever they heard of it in training."""

from pathlib import Path
from typing import Any

from lepton import build
from lepton.errors import LeptonError, TrackerFailed
from lepton.logger.tracked_run import FinishedRun, finished_run
from lepton.training.tracker import FAILED, open_tracker, tracker_nodes, warn_of


def publish_run(config: dict[str, Any], folder: Path) -> None:
    """Tells the trackers of a config all of the finished run in a folder; one that fails is warned
    of, and one that failed in training is not asked again."""
    places = [place for place in tracker_nodes(config) if can_publish(place[1])]
    if not places:
        return
    run = finished_run(folder)
    for option, node in places:
        if (option, run.folder) in FAILED:
            FAILED.discard((option, run.folder))
            continue
        try:
            publish_to(option, node, run)
        except (TrackerFailed, LeptonError) as error:
            warn_of(option, error)


def can_publish(node: dict[str, Any]) -> bool:
    """True for a tracker that takes finished runs, and not only what is logged in training."""
    return hasattr(build.import_target(node, "logger"), "publish")


def publish_to(option: str, node: dict[str, Any], run: FinishedRun) -> None:
    """Tells one tracker all of a finished run: again, what it knows already stays as it is.

    Raises: LeptonError for a tracker that is not installed, or whose values are wrong;
        TrackerFailed for whatever else goes wrong with it.
    """
    with open_tracker(option, node, run, run.folder) as tracker:
        try:
            tracker.publish(run)
        except LeptonError:
            raise
        except Exception as error:
            raise TrackerFailed(" ".join(str(error).split()) or type(error).__name__) from error
