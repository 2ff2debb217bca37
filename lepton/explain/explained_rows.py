"""Explains rows of a run's test split: what moved its logits, in parts that a person knows."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from lepton.dataset.inputs.absence import has_cells
from lepton.dataset.inputs.explained import Explained
from lepton.dataset.inputs.kind import InputKind
from lepton.dataset.load.batch_cutter import BatchCutter
from lepton.dataset.load.target_digits import in_dtype
from lepton.errors import LeptonError
from lepton.evaluation.sample_inputs import SampleInputs, read_sample_inputs
from lepton.explain.attributing import (
    Attributions,
    ExplainedOutput,
    grad_cam,
    integrated_gradients,
    require_captum,
)
from lepton.explain.input_leaves import Batch
from lepton.predict import TrainedPredictor, load_model
from lepton.report.predictions import Predictions, read_sample_predictions
from lepton.spec import DataSpec
from lepton.storage.derived_record import read_record
from lepton.storage.results import finished_result
from lepton.training.network import Network

NOTHING = Explained(np.zeros(0))  # of a row without inputs of a kind
NOT_EXPLAINED = (RuntimeError, NotImplementedError, TypeError, ValueError, IndexError, KeyError)


@dataclass(frozen=True)
class ExplainedInputs:
    """What was attributed to the inputs of one kind; `cam` is Grad-CAM's map, of a layer.

    Shapes: cam as the map of `explained`.
    """

    kind: InputKind
    explained: Explained
    cam: np.ndarray | None = None
    layer: str | None = None


@dataclass(frozen=True)
class ExplainedRow:
    """A row, what was predicted, and what was attributed to its inputs.

    `position`: of the row among the stored predictions.
    """

    position: int
    output: int
    inputs: list[ExplainedInputs]
    attributions: Attributions


@dataclass(frozen=True)
class ExplainedRun:
    """The network of a run with the rows that it predicted, as they stand in the data."""

    folder: Path
    predictor: TrainedPredictor
    model: nn.Module
    predictions: Predictions
    inputs: SampleInputs

    @property
    def spec(self) -> DataSpec:
        return self.predictions.spec

    def forward(self, batch: Batch) -> Tensor:
        """Logits, of parallel predictions their mean. Shapes: -> (n, outputs)."""
        logits = self.predictor.learner.task.forward(self.model, batch)
        logits = logits.mean(1) if logits.ndim == 3 else logits
        return logits.reshape(len(logits), -1)

    def explain(self, position: int, config: dict[str, Any]) -> ExplainedRow:
        """Explains the row at a position among the predictions.

        Raises: LeptonError where the network or its inputs cannot be followed.
        """
        raw = self.inputs.inputs.iloc[[position]]
        try:
            return self._explain(position, raw, config)
        except (LeptonError, *NOT_EXPLAINED) as e:
            reason = " ".join(str(e).split())[:300]
            raise LeptonError(f"{self.folder}: its network cannot be explained ({reason})") from e

    def _explain(self, position: int, raw: pd.DataFrame, config: dict[str, Any]) -> ExplainedRow:
        batch, kinds = self._batch(raw), self.predictor.inputs
        neutral: Batch = {}
        for kind in kinds:
            batch = kind.in_parts(batch)
        if (of_model := getattr(self.model, "in_parts", None)) is not None:
            with torch.no_grad():
                batch = of_model(batch)
        for kind in kinds:
            neutral |= kind.neutral(batch, self.spec)
        output = self._output(position, config["towards"])
        explained = ExplainedOutput(self.forward, batch, neutral, output)
        attributions = integrated_gradients(explained, steps=config["steps"])
        inputs = []
        for kind in kinds:
            if kind.own_columns and not has_cells(raw, kind.own_columns).all():
                inputs.append(ExplainedInputs(kind, NOTHING))
                continue
            told = kind.explained(raw, batch, self.spec, attributions.values)
            cam, layer = None, None
            if told.pixels is not None:
                size = (told.values.shape[0], told.values.shape[1])
                found = grad_cam(explained, self.model, size=size, least_side=config["least_side"])
                cam, layer = found if found is not None else (None, None)
            inputs.append(ExplainedInputs(kind, told, cam, layer))
        return ExplainedRow(position, output, inputs, attributions)

    def _batch(self, raw: pd.DataFrame) -> Batch:
        """A batch of one row, as the model reads it."""
        rows = self.predictor.encode(raw)
        cutter = BatchCutter(rows, [type(kind) for kind in self.predictor.inputs])
        batch = cutter.padded(rows, torch.tensor([0]))
        return in_dtype(batch, next(self.model.parameters()).dtype)

    def _output(self, position: int, towards: str) -> int:
        if self.spec.outputs == 1:
            return 0
        target = self.predictions.target[position]
        values = self.predictions.prediction[position]
        if towards == "predicted":
            return int(np.argmax(values))
        return int(target) if self.spec.task == "multiclass" else int(np.argmax(target))


def read_explained_run(folder: Path) -> ExplainedRun:
    """A run that can be explained, with the inputs of its test split.

    Raises: LeptonError for one that has no gradients, or whose data are not there any more.
    """
    config = finished_result(folder).config
    require_captum()
    predictor = load_model(folder)
    if not isinstance(predictor, TrainedPredictor):
        record = read_record(config)
        path = record and record.inputs and (folder / record.inputs[0]["path"]).resolve()
        members = f", as {path}" if path else ""
        raise LeptonError(f"{folder}: predicts through other runs; explain one of these{members}")
    if not isinstance(predictor.learner, Network):
        option = f"model={(config.get('choices') or {}).get('model', '?')}"
        raise LeptonError(
            f"{folder}: {option} is no network of lepton's, and has no gradients that could be "
            "followed to its inputs"
        )
    predictions = read_sample_predictions(folder)
    inputs = read_sample_inputs(folder, predictions.ids)
    model = predictor.learner.model.eval()
    return ExplainedRun(folder, predictor, model, predictions, inputs)


def chosen_positions(run: ExplainedRun, config: dict[str, Any]) -> tuple[list[int], int]:
    """The positions to explain among the predictions, and how many of them are mistakes by choice.

    Raises: LeptonError for ids that were not predicted.
    """
    predictions = run.predictions
    if config["ids"] is not None:
        place = {int(row): i for i, row in enumerate(predictions.ids)}
        if strays := [row for row in config["ids"] if row not in place]:
            known = ", ".join(map(str, [*place][:3]))
            raise LeptonError(
                f"ids: row {strays[0]} is not in the test split of {run.folder}; its rows are "
                f"{known}{', ...' if len(place) > 3 else ''}"
            )
        return [place[row] for row in dict.fromkeys(config["ids"])], 0
    worst = predictions.worst(config["samples"] // 2)
    others = np.setdiff1d(np.arange(len(predictions.ids)), worst)
    count = min(config["samples"] - len(worst), len(others))
    drawn = np.random.default_rng(config["seed"]).choice(others, count, replace=False)
    return [*worst.tolist(), *np.sort(drawn).tolist()], len(worst)


def explained_rows(run: ExplainedRun, config: dict[str, Any]) -> Iterator[ExplainedRow]:
    """Yields the rows that a config asks for, worst mistakes first."""
    for position in chosen_positions(run, config)[0]:
        yield run.explain(position, config)
