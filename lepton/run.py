"""One run from top to bottom; read this first."""

import logging
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from lepton import build, results
from lepton.check import TRAINING, check, fits_itself
from lepton.environment import environment
from lepton.estimator import Estimator
from lepton.evaluate import predictions_frame, score
from lepton.identity import run_folder
from lepton.network import Network
from lepton.results import Result
from lepton.task import Task

log = logging.getLogger("lepton")
SPLITS = ("val", "test")
SAID: set[str] = set()  # notes on the data that this process has shown


def train(cfg) -> Result:
    """The result of a composed config: trained now, or read when the same run is finished.

    Raises: ConfigError, DataError; TrainingError when the loss is not a finite number.
    """
    plain = check(cfg)
    return train_checked(plain, run_folder(plain))


def train_checked(plain: dict[str, Any], folder: Path) -> Result:
    """What `train` does, for a config that was checked and whose folder is known."""
    known = results.read(folder)
    if known and not plain["rerun"]:
        log.info("%s is finished; rerun=true trains it again", folder)
        return known
    results.clear_unfinished(folder.parent)
    with results.writing(folder) as part, _logged(part / "log.txt"):
        begin(plain, part)
        results.save(_train(plain, part, name=folder.name), part)
    return results.read(folder)


def begin(cfg: dict[str, Any], folder: Path) -> None:
    """What of a run is known before its data are read."""
    results.write_config(cfg, folder)
    (folder / "overrides.yaml").write_text(yaml.safe_dump(cfg.get("overrides") or []))
    results.write_json(folder / "environment.json", environment())


def _train(cfg: dict[str, Any], folder: Path, *, name: str) -> Result:
    """Data, model, fit, scores: everything of the run folder but its config and result."""
    data = read(cfg)
    describe(data, folder)
    learner = (Estimator if fits_itself(cfg) else Network)(cfg, data.spec)
    learner.fit(data, folder)
    return record(cfg, learner, data, folder, name=name, constant=constant(data, learner.task))


def read(cfg: dict[str, Any]):
    """The data module of a run; says what was done to the data."""
    data = build.data(cfg)
    rows = {split: len(part["id"]) for split, part in data.splits.items()}
    _say_once("rows: " + ", ".join(f"{count} {split}" for split, count in rows.items()))
    for note in data.notes:
        _say_once(f"data: {note}")
    if fits_itself(cfg):
        _say_once(f"model={cfg['choices']['model']} fits itself: {', '.join(TRAINING)} do nothing")
    return data


def describe(data, folder: Path) -> None:
    """What a run folder says of its data."""
    data.spec.save(folder / "spec.json")
    data.preprocessor.save(folder / "preprocessing.skops")


def constant(data, task: Task) -> dict[str, float]:
    """The metrics of the constant predictor."""
    metrics = {}
    for split in SPLITS:
        target = data.splits[split]["target"].cpu()
        metrics |= _named(split, score(task.constant(len(target)), target, task=task.name))
    return metrics


def record(
    cfg: dict[str, Any], learner, data, folder: Path, *, name: str, constant: dict[str, float]
) -> Result:
    """Scores what has been fitted, and writes its weights, history and predictions."""
    learner.save(folder)
    pd.DataFrame(learner.history).to_parquet(folder / "history.parquet")

    metrics, task = {}, learner.task
    (folder / "predictions").mkdir()
    for split in SPLITS:
        part = data.splits[split]
        prediction, target = learner.predict(part), part["target"].cpu()
        frame = predictions_frame(part["id"].cpu(), target, prediction, data.spec)
        frame.to_parquet(folder / "predictions" / f"{split}.parquet")
        metrics |= _named(split, score(prediction, target, task=task.name))

    monitored = metrics[f"val/{task.monitor}"]
    return Result(
        run=name,
        metrics=metrics,
        constant=constant,
        score=monitored if task.larger_is_better else -monitored,
        seconds=learner.seconds,
        trained=learner.trained,
        epochs=len(learner.history),
        best_epoch=learner.best_epoch,
        rows={split: len(part["id"]) for split, part in data.splits.items()},
        cleaning=[vars(note) for note in data.notes],
        choices=cfg["choices"],
        config=cfg,
        **learner.sizes(),
    )


def _named(split: str, metrics: dict[str, float]) -> dict[str, float]:
    return {f"{split}/{name}": value for name, value in metrics.items()}


def _say_once(text: str) -> None:
    """Shown the first time in a process, then only written to the log of the run."""
    log.log(logging.DEBUG if text in SAID else logging.INFO, "%s", text)
    SAID.add(text)


@contextmanager
def _logged(path: Path):
    """Everything said under the logger `lepton` goes to the run's log as well."""
    handler = logging.FileHandler(path)
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    log.addHandler(handler)
    level = log.level
    log.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        log.setLevel(level)
        log.removeHandler(handler)
        handler.close()
