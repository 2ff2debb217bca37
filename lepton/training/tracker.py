"""The trackers of a run, which are secondary: one that fails is left out, and the run goes on."""

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial, wraps
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from lepton.compat.lightning import DummyLogger, Logger
from lepton.compat.mlflow import import_client, make_database, sqlite_file
from lepton.compat.optional import how_to_install
from lepton.compat.torch import change_class
from lepton.config.chosen_options import chosen_nodes, option_label
from lepton.errors import LeptonError, TrackerFailed
from lepton.logger.make import make_tracker
from lepton.logger.tracked_run import TrackedRun
from lepton.storage.files import locked_folder
from lepton.storage.run_folder import finished_folder

log = logging.getLogger("lepton")
CALLS = (  # what a run and Lightning tell a tracker
    *("log_metrics", "log_hyperparams", "log_graph", "log_image", "log_text", "log_table"),
    *("save", "finalize", "after_save_checkpoint", "watch", "begin"),
)
PROPERTIES = ("experiment", "name", "version", "run_id", "experiment_id", "log_dir", "root_dir")
FAILED: set[tuple[str, Path]] = set()  # trackers that have failed in a training, by its run
QUICK_RETRIES = {  # of a server that is not there: of MLflow's own half an hour, some seconds
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
}


def build_trackers(config: dict[str, Any], folder: Path) -> list[Logger]:
    """The trackers of a config, without those that cannot begin; the run is written in `folder`.

    What one raises later is a warning, and ends that tracker alone.

    Raises: LeptonError for one that is not installed, or whose values are wrong.
    """
    run = TrackedRun(finished_folder(folder).absolute(), config)
    built = (begin_tracker(*place, run, folder) for place in tracker_nodes(config))
    return [tracker for tracker in built if tracker]


def tracker_nodes(config: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The trackers of a config: how a user names each, and its node."""
    for path, node in chosen_nodes(config, "logger").items():
        yield option_label(config, path), node


def begin_tracker(
    option: str, node: dict[str, Any], run: TrackedRun, folder: Path
) -> Logger | None:
    """A tracker that has been told of a run's begin; None, and a warning, where it cannot begin."""
    try:
        with open_tracker(option, node, run, folder) as tracker:
            _make_secondary(tracker, option, run)
            if hasattr(tracker, "begin"):
                tracker.begin()
            getattr(tracker, "experiment", None)  # made here, where the database is locked
    except TrackerFailed as error:
        FAILED.add((option, run.folder))
        warn_of(option, error)
        return None
    return tracker


@contextmanager
def open_tracker(option: str, node: dict[str, Any], run: TrackedRun, folder: Path) -> Iterator[Any]:
    """A tracker that has been told nothing yet, while its database is locked.

    Raises: LeptonError, as `build_trackers`; TrackerFailed when it cannot begin.
    """
    for name, value in QUICK_RETRIES.items():
        os.environ.setdefault(name, value)
    with _locked_database(node):
        yield make_tracker(node, option, run, folder)


def try_trackers(config: dict[str, Any]) -> None:
    """Makes the trackers of a config, or what they would be made of, and leaves nothing behind.

    Raises: LeptonError for one that is not installed, or whose values are wrong.
    """
    for option, node in tracker_nodes(config):
        if "tracking_uri" in node:  # MLflow's, which would make its tables or folders there
            try:
                import_client(node["tracking_uri"])
            except ImportError as error:
                raise LeptonError(f"{option}: {error}; {how_to_install('track')}") from None
            continue
        with TemporaryDirectory() as folder, suppress(TrackerFailed):
            make_tracker(node, option, TrackedRun(Path(folder) / "run", config), Path(folder))


def prepare_databases(configs: list[dict[str, Any]]) -> None:
    """Makes the databases that trackers of these runs write to, once, before any of them begins.

    Where that fails it is said, and the runs go on.
    """
    nodes = {str(place): place for config in configs for place in tracker_nodes(config)}
    for option, node in nodes.values():
        try:
            with _locked_database(node):
                pass
        except TrackerFailed as error:
            warn_of(option, error)


@contextmanager
def _locked_database(node: dict[str, Any]) -> Iterator[None]:
    """Lets one process at a time begin with the database of a tracker, which is there then.

    Raises: TrackerFailed when it cannot be made.
    """
    database = sqlite_file(node.get("tracking_uri"))
    if database is None:
        yield
        return
    try:
        database.parent.mkdir(parents=True, exist_ok=True)
        lock = locked_folder(database.parent)
    except OSError as error:
        raise TrackerFailed(str(error)) from error
    with lock:
        try:
            make_database(database)
        except ImportError:
            pass  # which `build.logger` says, and what to install
        except Exception as error:
            raise TrackerFailed(f"{type(error).__name__}: {error}") from error
        yield


def _make_secondary(tracker: Logger, option: str, run: TrackedRun) -> None:
    """Lets a tracker warn of the first thing that goes wrong with it, and do nothing from then on.

    Its class stays one of its own kind, so that callbacks know it.
    """
    kind, guard = type(tracker), partial(_guarded, option, run)
    guarded = {name: guard(getattr(kind, name)) for name in CALLS if hasattr(kind, name)}
    guarded |= {
        name: property(guard(attribute.fget, instead=_nothing(name)))
        for name in PROPERTIES
        if isinstance(attribute := getattr(kind, name, None), property) and attribute.fget
    }
    change_class(tracker, type(kind.__name__, (kind,), {**guarded, "tracker_failed": False}))


def _nothing(name: str) -> Any:
    """What a tracker that has failed says its attribute is."""
    return DummyLogger().experiment if name == "experiment" else None


def _guarded(
    option: str, run: TrackedRun, call: Callable[..., Any], instead: Any = None
) -> Callable[..., Any]:
    @wraps(call)
    def guarded(tracker: Any, *arguments: Any, **options: Any) -> Any:
        if tracker.tracker_failed:
            return instead
        try:
            return call(tracker, *arguments, **options)
        except Exception as error:
            tracker.tracker_failed = True
            FAILED.add((option, run.folder))
            warn_of(option, error)
            return instead

    return guarded


def warn_of(option: str, error: Exception) -> None:
    """Says that a tracker has failed, and why."""
    reason = " ".join(str(error).split())[:300] or type(error).__name__
    log.warning("%s fails and hears no more of this run, which goes on: %s", option, reason)
