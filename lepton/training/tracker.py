"""The tracker of a run, which is secondary: where it fails it is left out, and the run goes on."""

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import wraps
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

from lepton import build
from lepton.compat.lightning import DummyLogger, Logger
from lepton.compat.mlflow import import_client, make_database, sqlite_file
from lepton.compat.optional import how_to_install
from lepton.compat.torch import change_class
from lepton.errors import LeptonError, TrackerFailed
from lepton.storage.files import locked_folder

log = logging.getLogger("lepton")
CALLS = (  # what a run and Lightning tell a tracker
    *("log_metrics", "log_hyperparams", "log_graph", "log_image", "log_text", "log_table"),
    *("save", "finalize", "after_save_checkpoint", "watch"),
)
PROPERTIES = ("experiment", "name", "version", "run_id", "experiment_id", "log_dir", "root_dir")
QUICK_RETRIES = {  # of a server that is not there: of MLflow's own half an hour, some seconds
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
}


def build_tracker(config: dict[str, Any], folder: Path) -> Logger | Literal[False]:
    """The tracker of a config, or False when none was chosen or the chosen one cannot begin.

    What it raises later is a warning, and ends the tracker alone.

    Raises: LeptonError for one that is not installed, or whose values are wrong.
    """
    if not config["logger"]:
        return False
    option = f"logger={config['choices']['logger']}"
    for name, value in QUICK_RETRIES.items():
        os.environ.setdefault(name, value)
    try:
        with _locked_database(config["logger"]):
            tracker = build.logger(config, folder)
            assert tracker
            _make_secondary(tracker, option)
            getattr(tracker, "experiment", None)  # made here, where the database is locked
    except TrackerFailed as error:
        _warn(option, error)
        return False
    return tracker


def try_tracker(config: dict[str, Any]) -> None:
    """Makes the tracker of a config, or what it would be made of, and leaves nothing behind.

    Raises: LeptonError for one that is not installed, or whose values are wrong.
    """
    node = config["logger"]
    if "tracking_uri" in node:  # MLflow's, which would make its tables or folders there
        try:
            import_client(node["tracking_uri"])
        except ImportError as error:
            option = f"logger={config['choices']['logger']}"
            raise LeptonError(f"{option}: {error}; {how_to_install('track')}") from None
        return
    with TemporaryDirectory() as folder, suppress(TrackerFailed):
        build.logger(config, Path(folder))


def prepare_databases(configs: list[dict[str, Any]]) -> None:
    """Makes the databases that trackers of these runs write to, once, before any of them begins.

    Where that fails it is said, and the runs go on.
    """
    nodes = {str(config["logger"]): config for config in configs if config.get("logger")}
    for config in nodes.values():
        try:
            with _locked_database(config["logger"]):
                pass
        except TrackerFailed as error:
            _warn(f"logger={config['choices']['logger']}", error)


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


def _make_secondary(tracker: Logger, option: str) -> None:
    """Lets a tracker warn of the first thing that goes wrong with it, and do nothing from then on.

    Its class stays one of its own kind, so that callbacks know it.
    """
    kind = type(tracker)
    guarded = {name: _guarded(getattr(kind, name), option) for name in CALLS if hasattr(kind, name)}
    guarded |= {
        name: property(_guarded(attribute.fget, option, instead=_nothing(name)))
        for name in PROPERTIES
        if isinstance(attribute := getattr(kind, name, None), property) and attribute.fget
    }
    change_class(tracker, type(kind.__name__, (kind,), {**guarded, "tracker_failed": False}))


def _nothing(name: str) -> Any:
    """What a tracker that has failed says its attribute is."""
    return DummyLogger().experiment if name == "experiment" else None


def _guarded(call: Callable[..., Any], option: str, instead: Any = None) -> Callable[..., Any]:
    @wraps(call)
    def guarded(tracker: Any, *arguments: Any, **options: Any) -> Any:
        if tracker.tracker_failed:
            return instead
        try:
            return call(tracker, *arguments, **options)
        except Exception as error:
            tracker.tracker_failed = True
            _warn(option, error)
            return instead

    return guarded


def _warn(option: str, error: Exception) -> None:
    reason = " ".join(str(error).split())[:300] or type(error).__name__
    log.warning("%s fails and hears no more of this run, which goes on: %s", option, reason)
