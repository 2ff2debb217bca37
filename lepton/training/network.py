"""Network: a neural network's way through a run, from building to saving and loading."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from lepton import build
from lepton.dataset.data import Data, Rows
from lepton.dataset.inputs.find import kinds_in
from lepton.method import Batch, Phase
from lepton.model.layers import tunable
from lepton.pretrained.weight_files import ADAPTER_FILE, WEIGHTS_FILE
from lepton.seeds import derive
from lepton.spec import DataSpec
from lepton.storage.run_files import read_run_tensors
from lepton.storage.run_log import log_once
from lepton.trainer.default import resolve_precision, takes_cuda
from lepton.training import memory
from lepton.training.architecture import save_architecture
from lepton.training.course import Course
from lepton.training.dropout_masks import MaskStream, use_mask_stream
from lepton.training.elapsed import first_candidate
from lepton.training.further_rows import with_further_rows
from lepton.training.model_mistakes import (
    explained_model,
    refuse_lack_of_spec,
    refuse_other_objects,
    refuse_row_weights,
)
from lepton.training.module import Watch
from lepton.training.phase_fit import PhaseFit, fold_into_model
from lepton.training.prediction import compute_in_batches
from lepton.training.row_chances import with_row_chances
from lepton.training.start_score import START
from lepton.training.weights import save_weights

if TYPE_CHECKING:
    from lepton.finetune.machinery.fine_tuning import FineTuning


class Network:
    """A model that learns by gradient descent, and the record of its training.

    `trained_module` is the whole model, or a head that is trained on features.
    """

    def __init__(
        self,
        config: dict[str, Any],
        spec: DataSpec,
        *,
        load_network: Callable[[Path], "Network"],
        run_folder: Path | None = None,
    ):
        """Builds the model and lets the methods change it.

        `load_network` reads the run that fine-tuning starts from; `run_folder` is the finished run
        whose weights `load` will read.
        """
        self.config, self.spec, self.task = config, spec, build.task(config, spec)
        self.input_kinds = kinds_in(spec)
        refuse_row_weights(config, self.task)
        with torch.random.fork_rng():
            torch.manual_seed(derive(config["seed"], "init"))
            refuse_lack_of_spec(config)
            model = build.component(config, "model", spec=self.task.model_spec)
            refuse_other_objects(config, model)
            self.fine_tuning: FineTuning | None = None
            if config["finetune"]:
                self.fine_tuning = _fine_tuning(config, model, spec, run_folder, load_network)
            self.methods = build.methods(config)
            first = first_candidate(self.methods, config["trainer"]["max_epochs"])
            for method in self.methods:
                model = method.prepare(model, spec)
                method.first_candidate = first
        self.model: nn.Module = model
        if run_folder is None:
            _log_remarks(model)
        self.mask_stream = MaskStream([config["seed"]])
        use_mask_stream(model, self.mask_stream)
        self.trained_module = model
        self.history: list[dict[str, float]] = []
        self.device, self.best_epoch = torch.device("cpu"), 0
        self.trained_as, self.seconds = "alone", 0.0
        self.course: Course | None = None  # of its training, where no validation split chooses

    def fit(self, data: Data, folder: Path, watch: Watch | None = None) -> Data:
        """Trains, from the folder's checkpoint if there is one; ends with the best epoch's weights.

        Returns the data as the network saw them in the last phase.

        Raises: Diverged, Pruned; Interrupted when a signal asked for the end, with a checkpoint.
        """
        data = with_further_rows(data, self.methods, self.config["seed"])
        phases = self.prepare_phases(data)
        for phase in phases:
            if phase.begin is not None:
                phase.begin(phase)
            self.trained_module = phase.module
            with explained_model(self, phase.data.splits["train"]):
                self._fit_phase(phase, folder, watch, is_last=phase is phases[-1])
        return phases[-1].data

    def _fit_phase(self, phase: Phase, folder: Path, watch: Watch | None, *, is_last: bool) -> None:
        """Trains a phase; where folds choose, as the run's course says, which is the last one's.

        Nothing chooses among the epochs of those before: a head that is chosen stays there.
        """
        course = self.course
        if course and not is_last:
            course = Course(epochs=0 if phase.starts_chosen else None)
        if course and course.recorder and phase.starts_learned:
            course.recorder.start = self.validate(phase.data.splits["val"])[0]
        if course and course.epochs == 0:
            if not is_last:
                log_once("the head stays the best linear one: no folds choose epochs of a probe")
            fold_into_model(phase.module)
            self.best_epoch = self.best_epoch if self.history else START
        else:
            PhaseFit(self, phase, folder, watch, course).run()

    def prepare_phases(self, data: Data) -> list[Phase]:
        """The phases of the training, before any of it; a single one where nothing is tuned."""
        memory.reset_peak()
        data = with_row_chances(data, self.methods)
        if not self.fine_tuning:
            self.device = self._feature_device()
            return [Phase(self.model, data, self.config)]
        self._ready_for_features()
        phases = self.fine_tuning.prepare_phases(self, data)
        self.trained_module = phases[0].module
        return phases

    def know_features(self, data: Data) -> None:
        """Computes what is tuned on features of all splits, of which parts are taken later."""
        if self.fine_tuning:
            self._ready_for_features()
            self.fine_tuning.features(self, data)

    def share_features(self, whole: Data, part: Data, places: dict[str, np.ndarray]) -> None:
        """Takes from `whole` what is known of the features of these training rows, by split."""
        if self.fine_tuning:
            self.fine_tuning.share_features(whole, part, places)

    def _ready_for_features(self) -> None:
        self.device = self._feature_device()
        if self.config["trainer"]["precision"] in ("64-true", 64, "64"):
            self.model.double()

    def _feature_device(self) -> torch.device:
        """The device on which features are computed before the training."""
        return torch.device("cuda" if takes_cuda(self.config["trainer"]["accelerator"]) else "cpu")

    def predict(self, inputs: Rows) -> Tensor:
        """Predictions for whole tensors, on the CPU."""
        model = self.trained_module if "features" in inputs else self.model
        with explained_model(self, inputs):
            return self._compute(
                model,
                inputs,
                lambda batch: self.task.keep(self.task.predict(self.task.forward(model, batch))),
            )

    def validate(self, rows: Rows) -> tuple[Tensor, list[Any]]:
        """What is kept of the predictions for a split, and the task's states of its batches."""
        task, states = self.task, []
        model = self.trained_module if "features" in rows else self.model

        def compute(batch: Batch) -> Tensor:
            prediction = task.predict(task.forward(model, batch))
            states.append(task.validate(prediction, batch))
            return task.keep(prediction)

        return self._compute(model, rows, compute), states

    def features(self, inputs: Rows) -> Tensor:
        """The inputs of the head for whole tensors, on the CPU."""
        return self._compute(self.model, inputs, tunable(self.model).features)

    def outputs(self, inputs: Rows, compute: Callable[[Rows], Tensor]) -> Tensor:
        """The rows of `compute`, which is given batches as the model reads them; on the CPU."""
        return self._compute(self.model, inputs, compute)

    def _compute(self, model: nn.Module, inputs: Rows, compute: Callable[[Rows], Tensor]) -> Tensor:
        kinds, device = self.input_kinds, self.device
        return compute_in_batches(model, inputs, compute, kinds=kinds, device=device)

    def save(self, folder: Path) -> None:
        """Writes the weights, or of a tuned model the adapter alone where that is enough."""
        save_architecture(self.model, folder)
        if self.fine_tuning and self.fine_tuning.keeps_adapter_only(self.model, self.methods[0]):
            self.fine_tuning.write_base(folder)
            save_weights(self.fine_tuning.adapter_state(self.model), folder / ADAPTER_FILE)
        else:
            save_weights(self.model.state_dict(), folder / WEIGHTS_FILE)

    def load(self, folder: Path) -> None:
        """Reads what `save` wrote."""
        path = folder / WEIGHTS_FILE
        if self.fine_tuning and not path.is_file():
            self.fine_tuning.load_adapter(self.model, folder)
            return
        state = read_run_tensors(folder, WEIGHTS_FILE)
        self.model.to(next(v.dtype for v in state.values() if v.is_floating_point()))
        self.model.load_state_dict(state)

    def merged(self) -> nn.Module:
        """The network as plain layers: adapters are added into the weights that they change.

        Raises: LeptonError for learned tokens, which are no change of weights.
        """
        if not self.fine_tuning:
            return self.model
        from lepton.finetune.machinery.adapters import merge_adapters

        return merge_adapters(self.model)

    def sizes(self) -> dict[str, int]:
        """The number of parameters, and of those that are trained."""
        parameters = list(self.model.parameters())
        trainable = sum(p.numel() for p in parameters if p.requires_grad)
        return {"parameters": sum(p.numel() for p in parameters), "trainable": trainable}

    def facts(self) -> dict[str, Any]:
        """Entries of a result about the training, beside its scores."""
        precision = str(resolve_precision(self.config["trainer"]))
        facts: dict[str, Any] = {"memory_mb": memory.peak(self.device), "precision": precision}
        if self.fine_tuning:
            facts["added"] = self.fine_tuning.added_metrics(self.model, self.spec)
        return facts


def _log_remarks(model: nn.Module) -> None:
    """Says what parts of a model have to say of themselves before it is trained."""
    for module in model.modules():
        if remarks := getattr(module, "remarks", None):
            for line in remarks():
                log_once(f"model: {line}")


def _fine_tuning(*arguments: Any) -> "FineTuning":
    """Fine-tuning, which a run from scratch need not import."""
    from lepton.finetune.machinery.fine_tuning import FineTuning

    return FineTuning(*arguments)
