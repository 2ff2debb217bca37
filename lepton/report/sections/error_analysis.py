"""The section on the errors of the best run: plots of its predictions, slices, worst mistakes."""

from pathlib import Path

import numpy as np
import pandas as pd

from lepton.errors import LeptonError
from lepton.report.blocks import Block, Figure, Note, Section, Table, Text
from lepton.report.dataset_runs import DatasetRuns
from lepton.report.figures import classification, regression
from lepton.report.figures.slices import MAX_SLICES, slice_errors
from lepton.report.predictions import Predictions, read_predictions
from lepton.report.sample_inputs import read_sample_inputs
from lepton.stats.slices import slices

MAX_MISTAKES = 10
MAX_RUNS_WITH_CURVES = 5
MAX_CELL, MAX_TEXT_CELL = 40, 300  # characters of an input, and of one of a text data set
SIGNIFICANCE = 0.05


def error_analysis_section(
    best_run: Path, runs_by_name: dict[str, Path], dataset: DatasetRuns
) -> Section:
    """The section on the best run of a data set, with curves of the best runs of its options."""
    title = f"What the best run gets wrong{dataset.on_dataset}"
    try:
        predictions = read_predictions(best_run)
    except LeptonError as e:
        return Section(title, [Note(str(e))])
    suffix = dataset.suffix
    blocks: list[Block] = [
        Text(
            f"{best_run.name} on its {len(predictions.ids)} test samples: "
            f"{predictions.error_name} {predictions.errors.mean():.4f}."
        ),
        *_prediction_figures(predictions, runs_by_name, suffix),
    ]
    try:
        inputs = read_sample_inputs(best_run, predictions.ids)
    except (LeptonError, OSError, KeyError, ValueError, TypeError, IndexError) as e:
        reason = " ".join(str(e).split())
        blocks.append(Note(f"No inputs are shown, and no slices: {reason}."))
        return Section(title, [*blocks, _worst_mistakes(predictions, None, suffix)])
    blocks += _slices(predictions, inputs.sliced, suffix)
    return Section(title, [*blocks, _worst_mistakes(predictions, inputs.shown, suffix)])


def _prediction_figures(
    predictions: Predictions, runs_by_name: dict[str, Path], suffix: str
) -> list[Figure]:
    """The figures of predictions that suit the task."""
    task = predictions.spec.task
    if task == "regression":
        return [_residuals(predictions, suffix)]
    figures = []
    if task == "binary" and 0 < predictions.target.mean() < 1:
        figures.append(_binary_curves(predictions, runs_by_name, suffix))
    if task in ("multiclass", "multilabel") and classification.separable_classes(predictions):
        figures.append(_class_curves(predictions, suffix))
    if task in ("binary", "multiclass"):
        figures.append(_confusion(predictions, suffix))
    return [*figures, _calibration(predictions, suffix)]


def _residuals(predictions: Predictions, suffix: str) -> Figure:
    return Figure(
        f"residuals{suffix}",
        "Test split. Left: predicted against true values; right: what is left of the true "
        "value when the prediction is taken off it, and its mean in ten bins.",
        "predicted against true values, and residuals against predicted values",
        lambda: regression.residuals(predictions),
        wide=True,
    )


def _binary_curves(predictions: Predictions, runs_by_name: dict[str, Path], suffix: str) -> Figure:
    return Figure(
        f"roc_pr_ks{suffix}",
        "Test split. ROC, precision and recall of the best run of each option; KS of the "
        "best: both classes' distributions and their largest gap.",
        "ROC, precision-recall and KS curves",
        lambda: classification.binary_curves(_binary_predictions(predictions, runs_by_name)),
        wide=True,
    )


def _binary_predictions(best: Predictions, runs_by_name: dict[str, Path]) -> dict[str, Predictions]:
    """The predictions of the first runs by name, those of the best run first."""
    predictions_by_name = {}
    for i, (name, folder) in enumerate([*runs_by_name.items()][:MAX_RUNS_WITH_CURVES]):
        try:
            predictions = best if i == 0 else read_predictions(folder)
        except LeptonError:
            continue
        if predictions.spec.task == "binary":
            predictions_by_name[name] = predictions
    return predictions_by_name or {"best": best}


def _class_curves(predictions: Predictions, suffix: str) -> Figure:
    return Figure(
        f"roc_pr{suffix}",
        "Test split. ROC and its area, precision and recall of each class against the "
        f"rest; at most {classification.MAX_CLASSES} classes, those told worst.",
        "ROC and precision-recall curves of classes",
        lambda: classification.class_curves(predictions),
        wide=True,
    )


def _confusion(predictions: Predictions, suffix: str) -> Figure:
    table = classification.confusion_table(predictions)
    return Figure(
        f"confusion{suffix}",
        "Test samples by true and predicted class; shaded by the share of the true class.",
        f"{int(np.trace(table))} of {int(table.sum())} right",
        lambda: classification.confusion(predictions),
    )


def _calibration(predictions: Predictions, suffix: str) -> Figure:
    return Figure(
        f"calibration{suffix}",
        "Predicted against observed, in ten bins of as many samples each, with 95 % intervals; "
        "dotted: perfect.",
        "calibration curve",
        lambda: classification.calibration(predictions),
    )


def _slices(predictions: Predictions, inputs: pd.DataFrame, suffix: str) -> list[Block]:
    """The slices of the inputs whose errors differ most surely from the others'."""
    table = slices(inputs, predictions.errors)
    if table.empty:
        return []
    different = int((table["p_holm"] < SIGNIFICANCE).sum())
    overall = float(predictions.errors.mean())
    error_name = predictions.error_name
    return [
        Text(
            f"{different or 'None'} of {len(table)} slices differ{'s' if different == 1 else ''} "
            "from the rest beyond chance (Welch's t-test, corrected by Holm)."
        ),
        Figure(
            f"slices{suffix}",
            f"{error_name.capitalize()} on the {MAX_SLICES} slices that differ most surely from "
            "the rest, with 95 % intervals (number of samples); orange: beyond chance; dotted: "
            "all samples.",
            f"{error_name} by slice, overall {overall:.4f}",
            lambda: slice_errors(table, overall, error_name),
            wide=True,
        ),
    ]


def _worst_mistakes(predictions: Predictions, inputs: pd.DataFrame | None, suffix: str) -> Block:
    """The samples with the largest losses, with their inputs where these are given."""
    largest_loss_first = np.argsort(-predictions.losses, kind="stable")
    mistakes = largest_loss_first[predictions.errors[largest_loss_first] > 0][:MAX_MISTAKES]
    if not len(mistakes):
        return Text("It gets nothing wrong on the test split.")
    header = ["sample", "true", "predicted"]
    rows = [[str(predictions.ids[i]), *_true_and_predicted(predictions, i)] for i in mistakes]
    with_inputs = ""
    if inputs is not None:
        with_inputs = ", with their inputs"
        header += map(str, inputs)
        max_cell = MAX_TEXT_CELL if predictions.spec.text_features else MAX_CELL
        for row, i in zip(rows, mistakes, strict=True):
            row += [_short(value, max_cell) for value in inputs.iloc[i]]
    caption = (
        f"The {len(mistakes)} worst mistakes on the test split{with_inputs}; sample counts rows "
        "from 0."
    )
    return Table(f"mistakes{suffix}", caption, header, rows, len(header))


def _true_and_predicted(predictions: Predictions, i: int) -> list[str]:
    """Two cells with the target and the prediction of a sample, classes by their names."""
    target, prediction, spec = predictions.target[i], predictions.prediction[i], predictions.spec
    if spec.task == "regression":
        return [f"{target:.5g}", f"{prediction:.5g}"]
    if spec.task == "binary":
        return [spec.classes[int(target)], f"{spec.classes[1]} {prediction:.3f}"]
    if spec.task == "multiclass":
        classes = (int(target), int(prediction.argmax()))
        return [f"{spec.classes[c]} {prediction[c]:.3f}" for c in classes]
    true = [name for name, label in zip(spec.classes, target, strict=True) if label]
    predicted = [name for name, p in zip(spec.classes, prediction, strict=True) if p > 0.5]
    return [", ".join(true) or "none", ", ".join(predicted) or "none"]


def _short(value: object, max_length: int) -> str:
    text = f"{value:.5g}" if isinstance(value, float) else " ".join(str(value).split())
    return text if len(text) <= max_length else text[: max_length - 1] + "…"
