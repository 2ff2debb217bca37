"""Explains rows of a run's test split: what moved its logits, in parts that a person knows."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
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
from lepton.explain.explained_outputs import ExplainedOutputs, read_outputs
from lepton.explain.input_leaves import Batch
from lepton.predict import TrainedPredictor, load_model
from lepton.spec import DataSpec
from lepton.storage.derived_record import read_record
from lepton.storage.results import finished_result
from lepton.training.network import Network

NOTHING = Explained(np.zeros(0))  # of a row without inputs of a kind
NOT_EXPLAINED = (RuntimeError, NotImplementedError, TypeError, ValueError, IndexError, KeyError)


@dataclass(frozen=True)
class ExplainedInputs:
    """What was attributed to the inputs of one kind; `cam` is Grad-CAM's map, of a layer.

    `attributions`: of all kinds that went their way together.
    Shapes: cam as the map of `explained`.
    """

    kind: InputKind
    explained: Explained
    attributions: Attributions
    cam: np.ndarray | None = None
    layer: str | None = None


@dataclass(frozen=True)
class ExplainedRow:
    """A row, which of its outputs is explained, and what was attributed to its inputs.

    `position`: of the row among the stored predictions.
    """

    position: int
    output: int
    inputs: list[ExplainedInputs]


@dataclass(frozen=True)
class ExplainedRun:
    """The network of a run with the rows that it predicted, as they stand in the data."""

    folder: Path
    predictor: TrainedPredictor
    model: nn.Module
    outputs: ExplainedOutputs
    inputs: SampleInputs

    @property
    def spec(self) -> DataSpec:
        return self.predictor.spec

    def forward(self, batch: Batch) -> Tensor:
        """The numbers of which one is explained. Shapes: -> (n, outputs)."""
        return self.outputs.logits(self.predictor.learner.task, self.model, batch)

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
        for kind in kinds:
            batch = kind.in_parts(batch)
        if (of_model := getattr(self.model, "in_parts", None)) is not None:
            with torch.no_grad():
                batch = of_model(batch)
        output, inputs = self.outputs.chosen(position), list[ExplainedInputs]()
        for together in self.outputs.moved_together(kinds):
            neutral: Batch = {}
            for kind in together:
                neutral |= kind.neutral(batch, self.spec)
            explained = ExplainedOutput(self.forward, batch, neutral, output)
            attributions = integrated_gradients(explained, steps=config["steps"])
            for kind in together:
                inputs.append(self._of_kind(kind, raw, explained, attributions, config))
        return ExplainedRow(position, output, inputs)

    def _of_kind(
        self,
        kind: InputKind,
        raw: pd.DataFrame,
        explained: ExplainedOutput,
        attributions: Attributions,
        config: dict[str, Any],
    ) -> ExplainedInputs:
        """What was attributed to the inputs of one kind, with a map where they have places."""
        if kind.own_columns and not has_cells(raw, kind.own_columns).all():
            return ExplainedInputs(kind, NOTHING, attributions)
        told = kind.explained(raw, explained.batch, self.spec, attributions.values)
        if told.pixels is None:
            return ExplainedInputs(kind, told, attributions)
        alone = replace(explained, neutral=kind.neutral(explained.batch, self.spec))
        size = (told.values.shape[0], told.values.shape[1] // told.frames)
        found = grad_cam(alone, self.model, size=size, least_side=config["least_side"])
        cam, layer = found if found is not None else (None, None)
        return ExplainedInputs(kind, told, attributions, cam, layer)

    def _batch(self, raw: pd.DataFrame) -> Batch:
        """A batch of one row, as the model reads it."""
        rows = self.predictor.encode(raw)
        cutter = BatchCutter(rows, [type(kind) for kind in self.predictor.inputs])
        batch = cutter.padded(rows, torch.tensor([0]))
        return in_dtype(batch, next(self.model.parameters()).dtype)


def read_explained_run(folder: Path, towards: str | None) -> ExplainedRun:
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
    outputs = read_outputs(folder, predictor.learner.task, towards)
    inputs = read_sample_inputs(folder, outputs.ids)
    model = predictor.learner.model.eval()
    return ExplainedRun(folder, predictor, model, outputs, inputs)


def chosen_positions(run: ExplainedRun, config: dict[str, Any]) -> tuple[list[int], int]:
    """The positions to explain among the predictions, and how many of them are mistakes by choice.

    Raises: LeptonError for ids that were not predicted.
    """
    outputs = run.outputs
    if config["ids"] is not None:
        place = {int(row): i for i, row in enumerate(outputs.ids)}
        if strays := [row for row in config["ids"] if row not in place]:
            known = ", ".join(map(str, [*place][:3]))
            raise LeptonError(
                f"ids: row {strays[0]} is not in the test split of {run.folder}; its rows are "
                f"{known}{', ...' if len(place) > 3 else ''}"
            )
        return [place[row] for row in dict.fromkeys(config["ids"])], 0
    worst = outputs.worst(config["samples"] // 2)
    others = np.setdiff1d(np.arange(len(outputs.ids)), worst)
    count = min(config["samples"] - len(worst), len(others))
    drawn = np.random.default_rng(config["seed"]).choice(others, count, replace=False)
    return [*worst.tolist(), *np.sort(drawn).tolist()], len(worst)


def explained_rows(run: ExplainedRun, config: dict[str, Any]) -> Iterator[ExplainedRow]:
    """Yields the rows that a config asks for, worst mistakes first."""
    for position in chosen_positions(run, config)[0]:
        yield run.explain(position, config)
