"""What shows a run's predictions as suits its task, for the section on its errors."""

from pathlib import Path

import numpy as np

from lepton.errors import LeptonError
from lepton.report.blocks import Block, Figure
from lepton.report.figures import classification, regression
from lepton.report.predictions import Predictions, read_sample_predictions
from lepton.report.sections.threshold_blocks import threshold_blocks

MAX_RUNS_WITH_CURVES = 5


def prediction_figures(
    predictions: Predictions, runs_by_name: dict[str, Path], best_run: Path, suffix: str
) -> list[Block]:
    """The figures of the best run, and of a binary one a table; curves show the other runs too, by
    name.

    `suffix` ends the names of the figures.
    """
    task = predictions.spec.task
    if task == "regression":
        return [_residuals(predictions, suffix)]
    figures = list[Block]()
    if task == "binary" and 0 < predictions.positive_share < 1:
        shown = _binary_predictions(predictions, runs_by_name)
        figures += [_binary_curves(shown, suffix), *threshold_blocks(shown, best_run, suffix)]
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


def _binary_curves(predictions_by_name: dict[str, Predictions], suffix: str) -> Figure:
    return Figure(
        f"roc_pr_ks{suffix}",
        "Test split. ROC, precision and recall of the best run of each option; KS of the "
        "best: both classes' distributions and their largest gap.",
        "ROC, precision-recall and KS curves",
        lambda: classification.binary_curves(predictions_by_name),
        wide=True,
    )


def _binary_predictions(best: Predictions, runs_by_name: dict[str, Path]) -> dict[str, Predictions]:
    """The predictions of the first runs by name, those of the best run first."""
    predictions_by_name = {}
    for i, (name, folder) in enumerate([*runs_by_name.items()][:MAX_RUNS_WITH_CURVES]):
        try:
            predictions = best if i == 0 else read_sample_predictions(folder)
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
        f"{np.trace(table):.0f} of {table.sum():.0f} right",
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
