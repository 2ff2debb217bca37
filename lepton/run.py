"""One run from top to bottom; read this first."""

import logging
from collections.abc import Callable
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from torch import Tensor

from lepton import build
from lepton.config.check import NETWORK_GROUPS, check, fits_itself, input_kind
from lepton.config.identity import run_folder
from lepton.errors import Diverged, Finished, Pruned
from lepton.metric.direction import as_score
from lepton.metric.scoring import split_metrics
from lepton.storage.finished_run import write_outcome, write_settings
from lepton.storage.predictions import PREDICTED_SPLITS, SplitPredictions
from lepton.storage.results import Result, read_result
from lepton.storage.run_folder import (
    LOG_FILE,
    read_failure,
    read_pruned_run,
    run_status,
)
from lepton.storage.run_writing import writing_run
from lepton.task import Task
from lepton.training.learner import build_learner
from lepton.training.module import Watch

log = logging.getLogger("lepton")
Rows = dict[str, Tensor]
SHOWN_NOTES: set[str] = set()  # notes on the data that this process has shown


def train(cfg) -> Result:
    """The result of a composed config: trained now, or read when the same run is finished.

    Raises: ConfigError, DataError; and what `train_checked` raises.
    """
    plain = check(cfg)
    return train_checked(plain, run_folder(plain))


def train_checked(plain: dict[str, Any], folder: Path, watch: Watch | None = None) -> Result:
    """What `train` does, for a config that was checked and whose folder is known.

    `watch` is called after each epoch with its number and val/score, and ends the run by saying
    True. A run that goes on from a checkpoint tells it the earlier epochs again, and then does
    not listen to the answer.

    Raises: Claimed while another process trains the run; Pruned when `watch` ends it; Diverged,
        also when the run is known to; Interrupted on SIGTERM or Ctrl-C, with a checkpoint saved.
    """
    known = read_result(folder)
    if known and not plain["rerun"]:
        log.info("%s is finished; rerun=true trains it again", folder)
        return known
    if not plain["rerun"]:
        _known_end(folder, watched=watch is not None)
    try:
        with writing_run(folder, rerun=plain["rerun"]) as part:
            _write(plain, part, name=folder.name, watch=watch)
    except Finished as e:
        log.info("%s", e)
    return read_result(folder)


def _known_end(folder: Path, *, watched: bool) -> None:
    """Raises what an earlier attempt ended with, where another one would end the same."""
    state = run_status(folder)
    if state == "diverged":
        known = read_failure(folder)
        error = Diverged(f"{known['error'].removeprefix('Diverged: ')}; rerun=true tries again")
        error.weights = known.get("weights")
        raise error
    if state == "pruned" and watched:
        known = read_pruned_run(folder)
        raise Pruned(known["epoch"], known["scores"])


def _write(plain: dict[str, Any], part: Path, *, name: str, watch: Watch | None) -> None:
    """Trains, and writes the run folder whose result comes last."""
    with logged_to(part / LOG_FILE):
        write_settings(plain, part)
        _train(plain, part, name=name, watch=watch)


def _train(cfg: dict[str, Any], folder: Path, *, name: str, watch: Watch | None = None) -> Result:
    """Data, model, fit, scores: everything of the run folder but its settings."""
    data = read_data(cfg)
    save_data_description(data, folder)
    learner = build_learner(cfg, data.spec)
    seen = learner.fit(data, folder, watch)
    return score_and_save(
        cfg, learner, seen, folder, name=name, constant=constant_metrics(seen, learner.task)
    )


def read_data(cfg: dict[str, Any]):
    """The data module of a run; says what was done to the data."""
    data = build.data(cfg)
    rows = {split: len(part["id"]) for split, part in data.splits.items()}
    _say_once("rows: " + ", ".join(f"{count} {split}" for split, count in rows.items()))
    for note in data.notes:
        _say_once(f"data: {note}")
    if input_kind(cfg, "dataset") != "table":
        _say_once(f"dataset={cfg['choices']['dataset']} is no table: preprocessing does nothing")
    if fits_itself(cfg):
        _say_once(
            f"model={cfg['choices']['model']} fits itself: {', '.join(NETWORK_GROUPS)} do nothing"
        )
    return data


def save_data_description(data, folder: Path) -> None:
    """What a run folder says of its data."""
    data.spec.save(folder / "spec.json")
    data.save(folder)


def constant_metrics(data, task: Task) -> dict[str, float]:
    """The metrics of the constant predictor, by split/name."""
    return split_metrics(
        _predictions(data, lambda rows: task.constant(len(rows["id"]))), task=task.name
    )


def score_and_save(
    cfg: dict[str, Any], learner, data, folder: Path, *, name: str, constant: dict[str, float]
) -> Result:
    """Scores what has been fitted, and writes its weights, history, predictions and result."""
    learner.save(folder)
    task = learner.task
    predictions = _predictions(data, learner.predict)
    metrics = split_metrics(predictions, task=task.name)
    return write_outcome(
        folder,
        config=cfg,
        spec=data.spec,
        predictions=predictions,
        history=learner.history,
        run=name,
        metrics=metrics,
        constant=constant,
        score=as_score(metrics[f"val/{task.monitor}"], task.monitor),
        seconds=learner.seconds,
        trained=learner.trained_as,
        epochs=len(learner.history),
        best_epoch=learner.best_epoch,
        rows={split: len(rows["id"]) for split, rows in data.splits.items()},
        cleaning=[vars(note) for note in data.notes],
        **learner.sizes(),
        **learner.facts(),
    )


def _predictions(data, predict: Callable[[Rows], Tensor]) -> dict[str, SplitPredictions]:
    """Ids, targets and predictions of the splits that are scored."""
    splits = {name: data.splits[name] for name in PREDICTED_SPLITS}
    return {
        name: SplitPredictions(rows["id"].cpu(), rows["target"].cpu(), predict(rows))
        for name, rows in splits.items()
    }


def _say_once(text: str) -> None:
    """Shown the first time in a process, then only written to the log of the run."""
    log.log(logging.DEBUG if text in SHOWN_NOTES else logging.INFO, "%s", text)
    SHOWN_NOTES.add(text)


class RunLogHandler(logging.FileHandler):
    """A log that a full disk cuts short, and that then does not end the run."""

    def handleError(self, record: logging.LogRecord) -> None:
        pass


@contextmanager
def logged_to(path: Path):
    """Everything said under the logger `lepton` goes to the run's log as well."""
    handler = RunLogHandler(path)
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    log.addHandler(handler)
    level = log.level
    log.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        log.setLevel(level)
        log.removeHandler(handler)
        with suppress(OSError):
            handler.close()
