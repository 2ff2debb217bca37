"""Learner: the model of a run, of any kind; built anew from a config, or loaded from a run."""

from pathlib import Path
from typing import Any, Protocol

import torch
from omegaconf import OmegaConf
from torch import Tensor

from lepton.compat.lightning import pl
from lepton.config.check import check
from lepton.config.model_kind import FITS_ITSELF, LIGHTNING_MODULE, model_kind
from lepton.dataset.data import Data, Rows
from lepton.errors import ConfigError, explain_read_errors
from lepton.pretrained.base_weights import find_adapter_base
from lepton.pretrained.weight_files import BASE_FILE, WEIGHTS_FILE
from lepton.spec import DataSpec
from lepton.storage.derived_record import training_config
from lepton.storage.run_files import check_model_files
from lepton.storage.run_folder import CONFIG_FILE, SPEC_FILE, read_config
from lepton.task import Task
from lepton.training.architecture import (
    ARCHITECTURE_FOLDER,
    holds_encoders,
    with_own_architecture,
)
from lepton.training.estimator import Estimator
from lepton.training.module import Watch
from lepton.training.network import Network
from lepton.training.user_module.learner import LightningLearner


class Learner(Protocol):
    """A Network, an Estimator, which fits itself, or a LightningLearner, whose model a user wrote
    with Lightning: all that a run asks of any.

    `history` has a row of metrics for each epoch, and `best_epoch` counts these from 0; an
    Estimator has none, and 0. `trained_as` says with which other runs it was trained, `device`
    where.
    Units: `seconds` that `fit` took.
    """

    task: Task
    history: list[dict[str, float]]
    best_epoch: int
    seconds: float
    trained_as: str
    device: torch.device

    def fit(self, data: Data, folder: Path, watch: Watch | None = None) -> Data:
        """Trains in a run's folder; returns the data in the form in which `predict` takes them."""
        ...

    def predict(self, inputs: Rows) -> Tensor:
        """Predictions for whole tensors, on the CPU, as `Task.predict` makes them of logits."""
        ...

    def validate(self, rows: Rows) -> tuple[Tensor, list[Any]]:
        """What is kept of the predictions for a split, on the CPU, and what its task scores.

        Only a task that is `streamed` has this called, to which each batch is shown once.
        """
        ...

    def save(self, folder: Path) -> None:
        """Writes what was learned into a run's folder."""
        ...

    def load(self, folder: Path) -> None:
        """Reads what `save` wrote."""
        ...

    def sizes(self) -> dict[str, int]:
        """The number of `parameters`, and of those `trainable`."""
        ...

    def facts(self) -> dict[str, Any]:
        """Entries of a result about the training, beside its scores.

        `added` holds what further features measured, as columns of a study's table: by the
        beginning of their names, then by `split/metric`.
        """
        ...


def build_learner(
    config: dict[str, Any], spec: DataSpec, run_folder: Path | None = None
) -> Learner:
    """The untrained learner of a config; `run_folder` is a finished run whose weights it will load.

    Raises: ConfigError for values that the model or a method refuses.
    """
    kind = model_kind(config)
    if kind is FITS_ITSELF:
        return Estimator(config, spec)
    if kind is LIGHTNING_MODULE:
        return LightningLearner(config, spec)
    return build_network(config, spec, run_folder)


def build_network(
    config: dict[str, Any], spec: DataSpec, run_folder: Path | None = None
) -> Network:
    """The untrained network of a config, whose model must not be one that fits itself.

    Raises: ConfigError, as `build_learner`.
    """
    network = Network(config, spec, load_network=load_network, run_folder=run_folder)
    if isinstance(network.model, pl.LightningModule):
        name = type(network.model).__name__
        raise ConfigError(
            f"model._target_: {config['model']['_target_']} makes a LightningModule, which its "
            f"source does not show; name {name} itself, with a base that source leads to"
        )
    return network


def load_learner(run_folder: Path) -> tuple[Learner, DataSpec]:
    """The trained learner of a finished run, and the spec of its data.

    Raises: LeptonError for a damaged folder; ConfigError for a config that cannot be built.
    """
    check_model_files(run_folder, [ARCHITECTURE_FOLDER])
    stored_config = training_config(read_config(run_folder / CONFIG_FILE))
    config = check(OmegaConf.create(stored_config), files=False)
    if (run_folder / ARCHITECTURE_FOLDER).is_dir():
        config["model"] = _with_own_encoders(config["model"], run_folder)
    with explain_read_errors(run_folder / SPEC_FILE) as path:
        spec = DataSpec.load(path)
    learner = build_learner(config, spec, run_folder)
    weights = run_folder / WEIGHTS_FILE
    with explain_read_errors(weights if weights.is_file() else run_folder):
        learner.load(run_folder)
    return learner, spec


def load_network(run_folder: Path) -> Network:
    """The trained network of a finished run, of whose kind `is_network_run` has made sure.

    Raises: LeptonError, as `load_model`.
    """
    learner, _ = load_learner(run_folder)
    assert isinstance(learner, Network)
    return learner


def _with_own_encoders(node: dict[str, Any], run_folder: Path) -> dict[str, Any]:
    """A model's node whose encoders need nothing but the run, and the weights below an adapter."""
    if not holds_encoders(node) and not (run_folder / WEIGHTS_FILE).is_file():
        with explain_read_errors(run_folder / BASE_FILE):
            key, place = find_adapter_base(run_folder)
        if key == "model.path":
            return node | {"path": place}
    return with_own_architecture(node, run_folder / ARCHITECTURE_FOLDER)
