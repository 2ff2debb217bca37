"""Validation inside of the training rows: folds say how long to train, then all are trained on.

Each row is predicted once, by a learner that was trained on the other folds; these predictions are
the run's validation.
"""

import logging
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lepton.dataset.data import Data
from lepton.errors import Diverged
from lepton.storage.run_log import log_once
from lepton.training.checkpoint import Checkpoints
from lepton.training.course import Course, Recorder
from lepton.training.elapsed import first_candidate
from lepton.training.estimator import Estimator
from lepton.training.fold_rows import fold_data, fold_positions, others, unlearned_line
from lepton.training.fold_scores import (
    is_clearly_better,
    ranked,
    refuse_undefined,
    scores_of_epochs,
    undefined_for_predictions,
)
from lepton.training.learner import Learner, build_network
from lepton.training.network import Network

log = logging.getLogger("lepton")
FOLDS = 5
FEW_FOLDS = 2  # where each trains a whole pretrained network, for a length that is given
Tell = Callable[[Learner, Data], None]  # what a learner is told before its training


@dataclass(frozen=True)
class Pooled:
    """What the learners of all folds predict of the rows that they were not trained on.

    Shapes: kept (epochs, rows, ...), of the last epoch alone where a length is given; start
        (rows, ...) of what training begins with, None where some of that is random.
    Units: `seconds` that all folds took.
    """

    kept: Tensor
    start: Tensor | None
    seconds: float


def fit_inside(
    config: dict[str, Any], learner: Learner, data: Data, folder: Path, tell: Tell
) -> tuple[Data, Tensor]:
    """Trains on all rows, as long as folds of them say.

    Returns the data as `Learner.fit` does, and what is kept of the folds' predictions of each row.
    Raises: as `divided` and `Learner.fit`.
    """
    folds, chooses = divided(learner, data)
    if line := unlearned_line(data, folds):
        log_once(line)
    if isinstance(learner, Estimator):
        return data, _fit_estimator(config, learner, data, folds, folder)
    assert isinstance(learner, Network)
    learner.know_features(data)
    pooled = _pooled(config, data, folds, folder, tell, every_epoch=chooses)
    return _fit_network(learner, data, folder, pooled, folds, chooses=chooses)


def divided(learner: Learner, data: Data) -> tuple[list[np.ndarray], bool]:
    """The folds of a learner's training rows, and whether they choose among its epochs.

    Raises: ConfigError where the rows do not define the monitored metric; as `fold_positions`.
    """
    refuse_undefined(learner.task, data.splits["val"])
    is_cheap = chooses = True
    if isinstance(learner, Network) and learner.fine_tuning is not None:
        strategy = learner.methods[0]
        is_cheap, chooses = strategy.probes, learner.fine_tuning.ends_with_head(strategy)
    return fold_positions(data, FOLDS if is_cheap else FEW_FOLDS), chooses


def _fit_estimator(
    config: dict[str, Any],
    estimator: Estimator,
    data: Data,
    folds: Sequence[np.ndarray],
    folder: Path,
) -> Tensor:
    """Fits a model that fits itself to all rows; returns the predictions of the folds' models."""
    began, kept = time.perf_counter(), None
    fitted = [Estimator(config, data.spec) for _ in folds]
    for fold, held_out in zip(fitted, folds, strict=True):
        fold.fit(fold_data(data, held_out), folder)
    estimator.fit_whole(data, fitted)
    rows = len(data.splits["train"]["id"])
    for fold, held_out in zip(fitted, folds, strict=True):
        part = fold_data(data, held_out)
        if estimator.chooses:
            fold = Estimator(config, data.spec)
            fold.fit_whole(part, fitted)
        predicted = fold.predict(part.splits["val"])
        kept = _placed(kept, predicted, torch.from_numpy(held_out), rows, dim=0)
    assert kept is not None
    if ranked(scores_of_epochs(estimator.task, kept[None], data.splits["val"]))[0] == -math.inf:
        raise undefined_for_predictions(estimator.task, data.splits["val"])
    estimator.seconds = time.perf_counter() - began
    chosen = ""
    if estimator.chooses and estimator.history:
        chosen = f" choose iteration {estimator.best_epoch + 1}"
    log_once(
        f"validation: {len(folds)} folds of the {rows} training rows{chosen}; all are fitted then"
    )
    return kept


def _fit_network(
    network: Network,
    data: Data,
    folder: Path,
    pooled: Pooled,
    folds: Sequence[np.ndarray],
    *,
    chooses: bool,
) -> tuple[Data, Tensor]:
    """Trains a network on all rows for the epochs that are best for the pooled folds."""
    task, rows, epochs = network.task, data.splits["val"], len(pooled.kept)
    first = first_candidate(network.methods, epochs) if chooses else 0
    start = pooled.start if first == 0 else None
    scores = scores_of_epochs(task, pooled.kept, rows)
    values = ranked(scores)
    best = first + int(values[first:].argmax())
    [of_start] = [-math.inf] if start is None else ranked(scores_of_epochs(task, start[None], rows))
    if max(values[best], of_start) == -math.inf:
        raise undefined_for_predictions(task, rows)
    kept: Tensor | None = pooled.kept[best]
    is_start = of_start >= values[best]
    if chooses and start is not None:
        is_start |= not is_clearly_better(task, pooled.kept[best], start, rows, folds)
    within = f"validation: {len(folds)} folds of the {len(rows['id'])} training rows"
    if is_start:
        log_once(f"{within} find no epoch clearly better than the start, which stays as it is")
        network.course = Course(epochs=0)
        kept = start
    elif chooses:
        log_once(f"{within} choose epoch {best + 1} of {epochs}; all rows are trained on for it")
        network.course = Course(scores=scores, epochs=best + 1)
    else:
        log_once(f"{within}; all rows are trained on for the epochs of trainer.max_epochs")
        network.course = Course(last_scores=scores[-1])
    fitted = network.fit(data, folder)
    network.seconds += pooled.seconds
    assert kept is not None
    return fitted, kept


def _pooled(
    config: dict[str, Any],
    data: Data,
    folds: Sequence[np.ndarray],
    folder: Path,
    tell: Tell,
    *,
    every_epoch: bool,
) -> Pooled:
    """The predictions of all folds, each of which is kept in the run's unfinished folder."""
    kept: Tensor | None = None
    start: Tensor | None = None
    seconds = 0.0
    for number, held_out in enumerate(folds):
        prefix = f"fold{number}-"
        checkpoints = Checkpoints.of_run(folder, config, trained="inside", prefix=prefix)
        found = checkpoints.load()
        if found is None:
            found = _fold_predictions(config, data, held_out, folder, tell, every_epoch=every_epoch)
            checkpoints.save(found)
        places = torch.from_numpy(held_out)
        kept = _placed(kept, found["kept"], places, len(data.splits["train"]["id"]), dim=1)
        if found["start"] is not None:
            start = _placed(start, found["start"], places, kept.shape[1], dim=0)
        seconds += found["seconds"]
    assert kept is not None
    return Pooled(kept, start, seconds)


def _placed(whole: Tensor | None, part: Tensor, places: Tensor, rows: int, *, dim: int) -> Tensor:
    """Predictions of all rows, with a fold's in their places."""
    if whole is None:
        shape = [*part.shape]
        shape[dim] = rows
        whole = torch.zeros(shape, dtype=part.dtype)
    return whole.index_copy_(dim, places, part)


def _fold_predictions(
    config: dict[str, Any],
    data: Data,
    held_out: np.ndarray,
    folder: Path,
    tell: Tell,
    *,
    every_epoch: bool,
) -> dict[str, Any]:
    """What a learner that is trained on the other rows predicts of those held out, in order."""
    began = time.perf_counter()
    part = fold_data(data, held_out)
    network, recorder = build_network({**config, "logger": None}, data.spec), Recorder(every_epoch)
    network.course = Course(recorder=recorder)
    tell(network, part)
    learned = others(len(data.splits["train"]["id"]), held_out)
    network.share_features(data, part, {"train": learned, "val": held_out})
    with TemporaryDirectory(dir=folder, prefix=".fold-") as scratch, _leaving_no_weights():
        network.fit(part, Path(scratch))
    order = part.splits["val"]["id"].cpu().argsort().argsort()
    kept, seconds = torch.stack(recorder.kept)[:, order], time.perf_counter() - began
    return {"kept": kept, "start": recorder.start, "seconds": seconds}


@contextmanager
def _leaving_no_weights() -> Iterator[None]:
    """Says in the error of a fold that diverges that nothing of its network is kept."""
    try:
        yield
    except Diverged as error:
        error.weights = "none: those of a fold are not kept"
        raise
