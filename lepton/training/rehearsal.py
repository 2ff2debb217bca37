"""Tries, before the first epoch, all that the end of a run needs: its work is not thrown away then.

Untrained learners of the same config are saved, loaded and asked for predictions of a few rows,
which are written and read as those of a run are; the learner that is to be trained is not touched.
"""

import shutil
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from lepton.compat.lightning import is_overridden, isolate_rng, pl
from lepton.config.model_kind import fits_itself
from lepton.dataset.data import Data, Rows
from lepton.dataset.inputs.find import kinds_in
from lepton.dataset.load.target_digits import with_target_to_learn
from lepton.dataset.split.split_rows import held_out
from lepton.errors import LeptonError
from lepton.storage.files import is_disk_full, is_file_too_large
from lepton.storage.predictions import SplitPredictions, read_predictions, write_predictions
from lepton.storage.run_folder import (
    CALLBACK_FOLDER,
    CHECKPOINT_FOLDER,
    LOG_FILE,
    SPEC_FILE,
    write_config,
)
from lepton.trainer.default import takes_cuda
from lepton.training.data_description import write_data_description
from lepton.training.estimator import Estimator
from lepton.training.evaluation import split_predictions
from lepton.training.learner import Learner, build_learner, load_learner
from lepton.training.network import Network
from lepton.training.user_module.learner import LightningLearner

ROWS = 4  # that predictions are tried on
FITTED_ROWS = 64  # and those of each class's first, that a model which fits itself is tried on
MAX_TWIN_BYTES = 2**30  # of weights, above which two more networks take too much time and memory
REHEARSED: set[str] = set()  # what has gone well in this process
NO_DESCRIPTION = shutil.ignore_patterns(".*", LOG_FILE, CHECKPOINT_FOLDER, CALLBACK_FOLDER)
UNHEEDED = (  # keys that neither saving nor loading depends on
    *("seed", "study", "runs", "overrides", "rerun", "batch_size", "optimizer", "scheduler"),
    *("logger", "callbacks", "evaluation", "search", "linear_probe"),
)


def rehearse_end(config: dict[str, Any], learner: Learner, data: Data, folder: Path) -> None:
    """Tries, once in a process for learners of the same structure, what the end of a run needs.

    A folder inside `folder` is written to, and removed.

    Raises: LeptonError when a run of this config could not be saved, or not be loaded again.
    """
    key = _structure(config, learner)
    if key in REHEARSED or _weight_bytes(learner) > MAX_TWIN_BYTES:
        return
    place = Path(mkdtemp(prefix=".rehearsal-", dir=folder))
    try:
        with isolate_rng():
            _rehearse(config, data, place, folder)
    finally:
        shutil.rmtree(place, ignore_errors=True)
    REHEARSED.add(key)


def _rehearse(config: dict[str, Any], data: Data, place: Path, folder: Path) -> None:
    if (folder / SPEC_FILE).is_file():  # of many columns it takes seconds to write
        shutil.copytree(folder, place, ignore=NO_DESCRIPTION, dirs_exist_ok=True)
    else:
        write_data_description(data, place)
    write_config(config, place)
    learner = build_learner(config, data.spec)
    if not _made_ready(learner, data):
        return
    rows = {split: _first(data.splits[split], ROWS) for split in held_out(data.splits)}
    _set_device(config, learner)
    expected = _predictions(learner, rows)
    try:
        learner.save(place)
        loaded, spec = load_learner(place)
        for kind in kinds_in(spec):
            kind.load(place, spec)
    except Exception as error:
        if isinstance(error, OSError) or is_disk_full(error) or is_file_too_large(error):
            raise  # of the disk, not of the model
        raise _unsaved(config, f"{type(error).__name__}: {error}") from error
    _set_device(config, loaded)
    _compare(config, expected, _predictions(loaded, rows), _predictions(learner, rows))
    if expected:
        write_predictions(expected, learner.task.columns, place)
        for split, written in expected.items():
            read = read_predictions(place, split).prediction
            if read.shape != written.prediction.shape:
                raise _unsaved(
                    config,
                    f"predictions of shape {tuple(written.prediction.shape)} are read from their "
                    f"table as {tuple(read.shape)}",
                )


def _compare(
    config: dict[str, Any],
    expected: dict[str, SplitPredictions],
    loaded: dict[str, SplitPredictions],
    again: dict[str, SplitPredictions],
) -> None:
    """Raises: LeptonError when a learner that was loaded predicts otherwise than the one saved,
    which itself predicts the same twice."""
    for split, first in expected.items():
        if not _close(first.prediction, again[split].prediction):
            continue
        if not _close(first.prediction, loaded[split].prediction):
            raise _unsaved(
                config,
                "loaded again it predicts something else, so that something it computes with is "
                "neither a parameter nor a buffer",
            )


def _close(first: Tensor, second: Tensor) -> bool:
    return first.shape == second.shape and torch.allclose(
        first.double(), second.double(), rtol=1e-3, atol=1e-5, equal_nan=True
    )


def _unsaved(config: dict[str, Any], reason: str) -> LeptonError:
    option = f"model={config.get('choices', {}).get('model', '?')}"
    line = " ".join(reason.split())[:500]
    return LeptonError(f"{option}: what it learns could not be saved and loaded again: {line}")


def _made_ready(learner: Learner, data: Data) -> bool:
    """Makes an untrained learner what it is at the end of its training; False where that fails."""
    if isinstance(learner, Estimator):
        train, val = (
            with_target_to_learn(_few(data.splits[split]), data.spec) for split in ("train", "val")
        )
        try:
            learner.model.fit(train, val, learner.task.estimator_weights())
        except Exception:  # of so few rows: all of them may do
            return False
    elif isinstance(learner, LightningLearner) and is_overridden(
        "configure_model", learner.module, pl.LightningModule
    ):
        learner.module.configure_model()
    return True


def _predictions(learner: Learner, rows: dict[str, Rows]) -> dict[str, SplitPredictions]:
    """Predictions of the few rows; none of a LightningModule, which may need its trainer."""
    if isinstance(learner, LightningLearner):
        return {}
    predictions = {}
    for split, part in rows.items():
        streamed = learner.task.streamed
        kept = learner.validate(part)[0] if streamed else learner.predict(part)
        predictions[split] = split_predictions(part, kept)
    return predictions


def _set_device(config: dict[str, Any], learner: Learner) -> None:
    if isinstance(learner, Network) and takes_cuda(config["trainer"]["accelerator"]):
        learner.device = torch.device("cuda")


def _first(rows: Rows, count: int) -> Rows:
    return {name: values[:count] for name, values in rows.items()}


def _few(rows: Rows) -> Rows:
    """The first rows, and the first one of each class."""
    target = rows["target"]
    numbers = list(range(min(FITTED_ROWS, len(target))))
    if target.ndim == 1 and not target.is_floating_point():
        numbers += np.unique(target.numpy(), return_index=True)[1].tolist()
    chosen = sorted(set(numbers))
    return {name: values[chosen] for name, values in rows.items()}


def _weight_bytes(learner: Learner) -> int:
    return sum(t.numel() * t.element_size() for t in _module(learner).parameters())


def _module(learner: Learner) -> nn.Module:
    """The network of a learner; an empty one of a model that fits itself."""
    if isinstance(learner, Network):
        return learner.model
    return learner.module if isinstance(learner, LightningLearner) else nn.Module()


def _structure(config: dict[str, Any], learner: Learner) -> str:
    """What saving and loading depend on: of a network its classes and shapes, not its values."""
    kept = {key: value for key, value in config.items() if key not in UNHEEDED}
    if fits_itself(config):
        return repr(kept)
    module = _module(learner)
    kept["model"] = config["model"].get("_target_") if config["model"] else None
    kept["trainer"] = {k: config["trainer"][k] for k in ("precision", "accelerator")}
    classes = [(name, type(part)) for name, part in module.named_modules()]
    shapes = [(name, p.shape, p.dtype) for name, p in module.named_parameters()]
    return repr((kept, classes, shapes))
