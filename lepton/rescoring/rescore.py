"""Scores a finished run again: on its test split, or on a file of new labelled rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from lepton.dataset.data import Rows
from lepton.dataset.inputs.presence import load_inputs
from lepton.errors import DataError, LeptonError
from lepton.evaluation.adding import (
    Nodes,
    add_evaluations,
    build_evaluator,
    evaluate,
    refuse_evaluators,
)
from lepton.evaluation.evaluated_model import EvaluatedModel
from lepton.evaluation.labelled_rows import LabelledRows, read_labelled_rows
from lepton.evaluation.loading import load_evaluated_run
from lepton.evaluation.row_scores import scores_of_rows
from lepton.evaluation.sample_inputs import SampleInputs, inputs_by_kind, trained_run
from lepton.evaluation.shown_table import ShownTable
from lepton.predict import TrainedPredictor, load_model
from lepton.stats.bootstrap import Intervals, bootstrap_intervals
from lepton.storage.evaluations import EVALUATED_SPLIT, metric_prefix, read_evaluation_frames
from lepton.storage.followed_rule import kept_rule_name
from lepton.storage.predictions import SplitPredictions, column_values
from lepton.storage.results import finished_result, require_test_split
from lepton.storage.run_folder import CONFIG_FILE, read_config
from lepton.task.base import Task

TOLERANCE = 1e-5  # up to which a metric is the same again, on whichever machine
Frames = Mapping[str, pd.DataFrame]
FILE_SPLIT = "file"  # the name of the rows of a file, where those of a split have the split's


@dataclass(frozen=True, kw_only=True)
class ScoredRows:
    """The metrics of a run on some rows, clean and as evaluators measured them.

    `split` is `test`, or `file`; `evaluations`, and the intervals of those that have some, are by
    `SPLIT@NAME/metric`; `stored` are the metrics that the run holds of the same rows.
    """

    split: str
    rows: int
    metrics: Mapping[str, float]
    intervals: Intervals
    evaluations: dict[str, float]
    evaluation_intervals: Intervals
    stored: dict[str, float] = field(default_factory=dict)
    tables: dict[str, ShownTable] = field(default_factory=dict)  # of evaluators, by name
    notes: list[str] = field(default_factory=list)


def rescore_test_split(folder: Path, config: dict[str, Any]) -> ScoredRows:
    """Predicts and scores the test split again, and adds the evaluations that were asked for.

    Raises: LeptonError when the run is not finished or its data are not what they were;
        EvaluationFailed when an evaluator fails.
    """
    stored = finished_result(folder).metrics
    require_test_split(folder, "an evaluation without a FILE")
    model = load_evaluated_run(folder)
    refuse_evaluators(
        config["evaluation"] or {}, model.task, lambda names: model.inputs.require(names)
    )
    if model.read_learner is None:  # several models, each of which prepares the rows its own way
        frame = load_model(folder).predict_frame(model.inputs.inputs)
        values = column_values(frame, model.task.columns.prediction)
        again = replace(model.predictions, prediction=torch.tensor(values))
        metrics, intervals = _scores(model.task, again, config)
        weighs = again.weight is not None
    else:
        _require_stored_rows(folder, model)
        weighs = "weight" in model.rows  # of an older run its stored predictions have none
        metrics, intervals = _scores_of_rows(model, config)
    result = add_evaluations(folder, config["evaluation"] or {}, again=config["rerun"])
    evaluators = {**_kept_decision(folder), **(config["evaluation"] or {})}
    frames = {name: read_evaluation_frames(folder, name) for name in evaluators}
    prefix = f"{EVALUATED_SPLIT}/"
    clean = {k.removeprefix(prefix): v for k, v in stored.items() if k.startswith(prefix)}
    return ScoredRows(
        split=EVALUATED_SPLIT,
        rows=len(model.predictions.ids),
        metrics=metrics,
        intervals=intervals,
        evaluations={k: v for k, v in result.metrics.items() if k.startswith(prefix[:-1] + "@")},
        evaluation_intervals=_evaluation_intervals(
            model, evaluators, frames, EVALUATED_SPLIT, config
        ),
        tables=_shown_tables(evaluators, frames),
        stored=clean,
        notes=[
            *_weight_notes(_weight_column(folder), are_there=weighs),
            *_difference_notes(metrics, clean),
        ],
    )


def score_file(folder: Path, path: Path, config: dict[str, Any]) -> ScoredRows:
    """Scores the rows of a file that have a target; the run is left as it is.

    Raises: DataError naming the file, for columns, cells or classes that the run does not know; and
        as `rescore_test_split`.
    """
    seed = finished_result(folder).config["seed"]
    run = load_evaluated_run(folder)
    refuse_evaluators(config["evaluation"] or {}, run.task)
    column = _weight_column(folder)
    labelled = read_labelled_rows(path, folder, run.spec, column)
    model = _model_of_file(path, labelled, run, load_model(folder), folder)
    refuse_evaluators(config["evaluation"] or {}, require=partial(_require_in_file, path, model))
    evaluators, evaluations = {**_kept_decision(folder), **(config["evaluation"] or {})}, {}
    frames = {}
    for name, node in evaluators.items():
        found, prefix = evaluate(model, name, node, seed), _prefix(name, FILE_SPLIT)
        evaluations |= {f"{prefix}{metric}": float(v) for metric, v in found.metrics.items()}
        frames[name] = found.frames
    if model.task.is_scored_as_stored:
        metrics, intervals = _scores(model.task, model.predictions, config)
    else:
        metrics, intervals = _scores_of_rows(model, config)
    targets = ", ".join(run.spec.target_names)
    count = labelled.unlabelled
    rows = len(labelled.frame)
    notes = [f"{count} of {count + rows} rows have no {targets} and are left out"] if count else []
    if column is not None and labelled.weight is None:
        notes.append(f"the file has no weights (column {column}): each row counts once")
    return ScoredRows(
        split=FILE_SPLIT,
        rows=rows,
        metrics=metrics,
        intervals=intervals,
        evaluations=evaluations,
        evaluation_intervals=_evaluation_intervals(model, evaluators, frames, FILE_SPLIT, config),
        tables=_shown_tables(evaluators, frames),
        notes=[*notes, *_weight_notes(column, are_there=labelled.weight is not None)],
    )


def _weight_column(folder: Path) -> str | None:
    """The column by which rows count in metrics of a run, or of the runs that it was made of."""
    data = read_config(trained_run(folder) / CONFIG_FILE)["dataset"] or {}
    return data.get("weight") if data.get("weighted_metrics", True) else None


def _weight_notes(column: str | None, *, are_there: bool) -> list[str]:
    return [f"rows count by their weights (column {column})"] if are_there else []


def _kept_decision(folder: Path) -> dict[str, Any]:
    """The evaluator that has chosen the rule which a run's predictions follow, where one has."""
    evaluations = finished_result(folder).evaluations
    name = kept_rule_name(evaluations)
    return {} if name is None else {name: evaluations[name]["settings"]}


def _model_of_file(
    path: Path, labelled: LabelledRows, run: EvaluatedModel, predictor: Any, folder: Path
) -> EvaluatedModel:
    """The model of a run with the rows of a file in place of its test split.

    Raises: DataError naming the file, for what the model cannot read.
    """
    try:
        frame = predictor.predict_frame(labelled.frame)
    except DataError as e:
        raise DataError(f"{path}: {e}") from None
    values = torch.tensor(column_values(frame, run.task.columns.prediction))
    stored = SplitPredictions(torch.arange(len(frame)), labelled.target, values, labelled.weight)
    return replace(
        run,
        read_predictions=lambda: stored,
        read_inputs=partial(_inputs, folder, labelled, run),
        read_rows=partial(_tensors, predictor, labelled),
    )


def _require_in_file(path: Path, model: EvaluatedModel, names: Sequence[str]) -> None:
    """Raises: DataError naming the file, for a column that it does not have."""
    try:
        model.inputs.require(names)
    except LeptonError as e:
        raise DataError(f"{path}: {e}") from None


def _prefix(name: str, split: str) -> str:
    """What the metrics of an evaluator begin with, on these rows."""
    return metric_prefix(name).replace(EVALUATED_SPLIT, split, 1)


def _evaluation_intervals(
    model: EvaluatedModel,
    evaluators: Nodes,
    frames: Mapping[str, Frames],
    split: str,
    config: dict[str, Any],
) -> Intervals:
    """The intervals over rows of what evaluators measure of rows, and those that they hold."""
    intervals: Intervals = {}
    for name, node in evaluators.items():
        evaluator = build_evaluator(name, node)
        found = evaluator.intervals(frames[name])
        if score := evaluator.row_scores(model):
            found |= bootstrap_intervals(score, model.predictions.counted, **_options(config))
        intervals |= {f"{_prefix(name, split)}{key}": limits for key, limits in found.items()}
    return intervals


def _shown_tables(evaluators: Nodes, frames: Mapping[str, Frames]) -> dict[str, ShownTable]:
    shown = {n: build_evaluator(n, node).shown(frames[n]) for n, node in evaluators.items()}
    return {name: table for name, table in shown.items() if table is not None}


def _options(config: dict[str, Any]) -> dict[str, int]:
    return {"resamples": config["resamples"], "seed": config["seed"]}


def _scores(
    task: Task, predictions: SplitPredictions, config: dict[str, Any]
) -> tuple[Mapping[str, float], Intervals]:
    """Metrics, and their intervals, of predictions and what they are compared with."""
    score, rows = scores_of_rows(task, predictions), predictions.counted
    return score(rows), bootstrap_intervals(score, rows, **_options(config))


def _scores_of_rows(
    model: EvaluatedModel, config: dict[str, Any]
) -> tuple[Mapping[str, float], Intervals]:
    """Metrics, and their intervals, of what a model of the run's own predicts; a streamed task,
    which keeps no rows, has no intervals."""
    if model.task.streamed:
        states = [state for batch in model.batches() for state in model.states(batch)]
        return model.task.summarize(states), {}
    rows = model.rows
    prediction, truth, *weight = model.task.validate(model.learner.predict(rows), rows)
    return _scores(model.task, SplitPredictions(rows["id"], truth, prediction, *weight), config)


def _require_stored_rows(folder: Path, model: EvaluatedModel) -> None:
    """Raises: LeptonError where the test split has other rows than the run predicted."""
    if not torch.equal(model.rows["id"].sort().values, model.predictions.ids.sort().values):
        raise LeptonError(f"{folder}: its test split has other rows than its stored predictions")


def _difference_notes(metrics: Mapping[str, float], stored: Mapping[str, float]) -> list[str]:
    """A line where a metric is not what the run holds."""
    different = [
        name
        for name, value in stored.items()
        if not np.isclose(metrics.get(name, np.nan), value, TOLERANCE, TOLERANCE, equal_nan=True)
    ]
    if not different:
        return []
    return [f"not what the run holds: {', '.join(different)}; `lepton verify` looks for the cause"]


def _inputs(
    folder: Path, labelled: LabelledRows, run: EvaluatedModel, ids: np.ndarray
) -> SampleInputs:
    """The columns of a file, and those to slice by."""
    rows = labelled.frame.drop(columns=list(run.spec.target_names))
    kinds = load_inputs(trained_run(folder), run.spec)
    return inputs_by_kind(rows, kinds, [kind.name for kind in kinds])


def _tensors(predictor: Any, labelled: LabelledRows) -> Rows:
    """The rows of a file as the run's model reads them."""
    assert isinstance(predictor, TrainedPredictor)  # `EvaluatedModel.rows` asks only where it is
    inputs = predictor.encode(labelled.frame)
    weight = {} if labelled.weight is None else {"weight": labelled.weight}
    ids = torch.arange(len(labelled.frame))
    return {**inputs, "target": labelled.target, "id": ids, **weight}
