"""LightningLearner: a LightningModule on its way through a run, trained as it was written."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lepton import build
from lepton.compat.lightning import is_overridden, isolate_rng, pl
from lepton.config.signature import read_signature
from lepton.dataset.data import Data, Rows
from lepton.dataset.inputs.find import kinds_in
from lepton.errors import ConfigError
from lepton.method import Batch
from lepton.seeds import derive
from lepton.spec import DataSpec
from lepton.storage.run_files import read_run_tensors
from lepton.trainer.default import resolve_precision
from lepton.training import memory
from lepton.training.module import Watch
from lepton.training.prediction import compute_in_batches
from lepton.training.user_module.fit import ModuleFit
from lepton.training.user_module.predict_step import predict_batch
from lepton.training.user_module.seeding import seed_generators
from lepton.training.weights import save_weights

MODULE_FILE = "module.safetensors"  # not that of a network: nothing starts from it or averages it
SUPPLIED = ("spec", "seed")  # what the constructor is given where its signature asks for it


class LightningLearner:
    """A LightningModule with its own steps and optimizers, and the record of its training."""

    def __init__(self, config: dict[str, Any], spec: DataSpec):
        self.config, self.spec, self.task = config, spec, build.task(config, spec)
        parameters = read_signature(config["model"]["_target_"]).parameters
        values = {"spec": self.task.model_spec, "seed": config["seed"]}
        supplied = {name: values[name] for name in SUPPLIED if name in parameters}
        with isolate_rng():
            seed_generators(derive(config["seed"], "init"))
            self.module: pl.LightningModule = build.component(config, "model", **supplied)
        self._check_module()
        self.history: list[dict[str, float]] = []
        self.device, self.best_epoch = torch.device("cpu"), 0
        self.trained_as, self.seconds = "alone", 0.0

    @property
    def option(self) -> str:
        """The chosen model, as messages name it."""
        return f"model={self.config.get('choices', {}).get('model', '?')}"

    def _check_module(self) -> None:
        """Raises: ConfigError when the class, once imported, is not what its source showed."""
        module, option = self.module, self.option
        if not isinstance(module, pl.LightningModule):
            raise ConfigError(
                f"{option}: {type(module).__name__} is no pytorch_lightning.LightningModule"
            )
        if not is_overridden("predict_step", module, pl.LightningModule):
            raise ConfigError(f"{option}: {type(module).__name__} has no predict_step")

    def fit(self, data: Data, folder: Path, watch: Watch | None = None) -> Data:
        """Trains, from the folder's checkpoint if there is one; ends with the best epoch's weights.

        Raises: Diverged, Pruned; ConfigError for what Lightning refuses; Interrupted when a signal
            asked for the end.
        """
        memory.reset_peak()
        ModuleFit(self, data, folder, watch).run()
        return data

    def predict(self, inputs: Rows) -> Tensor:
        """Predictions for whole tensors, on the CPU."""

        def compute(batch: Batch) -> Tensor:
            return self.task.keep(self._predict_batch(batch))

        return self._compute(inputs, compute)

    def validate(self, rows: Rows) -> tuple[Tensor, list[Any]]:
        """What is kept of the predictions for a split, and the task's states of its batches."""
        states = []

        def compute(batch: Batch) -> Tensor:
            prediction = self._predict_batch(batch)
            states.append(self.task.validate(prediction, batch))
            return self.task.keep(prediction)

        return self._compute(rows, compute), states

    def _compute(self, rows: Rows, compute: Callable[[Batch], Tensor]) -> Tensor:
        kinds = kinds_in(self.spec)
        return compute_in_batches(self.module, rows, compute, kinds=kinds, device=self.device)

    def _predict_batch(self, batch: Batch) -> Tensor:
        return predict_batch(self.module, batch, self.task, option=self.option)

    def save(self, folder: Path) -> None:
        """Writes the weights."""
        save_weights(self.module.state_dict(), folder / MODULE_FILE)

    def load(self, folder: Path) -> None:
        """Reads what `save` wrote."""
        if is_overridden("configure_model", self.module, pl.LightningModule):
            self.module.configure_model()
        state = read_run_tensors(folder, MODULE_FILE)
        dtype = next((v.dtype for v in state.values() if v.is_floating_point()), None)
        self.module.to(dtype).load_state_dict(state)

    def sizes(self) -> dict[str, int]:
        """The number of parameters, and of those that are trained."""
        parameters = list(self.module.parameters())
        trainable = sum(p.numel() for p in parameters if p.requires_grad)
        return {"parameters": sum(p.numel() for p in parameters), "trainable": trainable}

    def facts(self) -> dict[str, Any]:
        """Entries of a result about the training, beside its scores."""
        precision = str(resolve_precision(self.config["trainer"]))
        return {"memory_mb": memory.peak(self.device), "precision": precision}
