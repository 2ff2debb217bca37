"""The section on one run's predictions: what the best setting gets wrong."""

from pathlib import Path

import numpy as np
import pandas as pd

from lepton.errors import LeptonError
from lepton.report.blocks import Block, Figure, Note, Section, Table, Text
from lepton.report.figures import predicted as draw
from lepton.report.parts import Part
from lepton.report.predictions import Predictions, inputs, predictions
from lepton.stats.slices import slices

WORST = 10  # mistakes shown
CUT, CUT_TEXT = 40, 300  # characters of an input


def section(folder: Path, rivals: dict[str, Path], part: Part) -> Section:
    """Of the best run of a part, beside the runs of other options by name."""
    title = f"What the best run gets wrong{part.where}"
    try:
        run = predictions(folder)
    except LeptonError as e:
        return Section(title, [Note(str(e))])
    blocks: list[Block] = [
        Text(
            f"{folder.name} on its {len(run.ids)} test samples: {run.measure} "
            f"{run.wrong.mean():.4f}."
        )
    ]
    blocks += _figures(run, rivals, part.suffix)
    try:
        rows = inputs(folder, run.ids)
    except (LeptonError, OSError, KeyError, ValueError, TypeError, IndexError) as e:
        reason = " ".join(str(e).split())
        blocks.append(Note(f"No inputs are shown, and no slices: {reason}."))
        return Section(title, [*blocks, _mistakes(run, None, part.suffix)])
    sliced = _slices(run, rows.sliced, part.suffix)
    return Section(title, [*blocks, *sliced, _mistakes(run, rows.shown, part.suffix)])


def _figures(run: Predictions, rivals: dict[str, Path], suffix: str) -> list[Block]:
    task, blocks = run.spec.task, []
    if task == "regression":
        return [
            Figure(
                f"residuals{suffix}",
                "Test split. Left: predicted against true values; right: what is left of the true "
                "value when the prediction is taken off it, and its mean in ten bins.",
                "predicted against true values, and residuals against predicted values",
                lambda: draw.residuals(run),
                wide=True,
            )
        ]
    if task == "binary" and 0 < run.target.mean() < 1:
        blocks.append(
            Figure(
                f"roc_pr_ks{suffix}",
                "Test split. ROC, precision and recall of the best run of each option; KS of the "
                "best: both classes' distributions and their largest gap.",
                "ROC, precision-recall and KS curves",
                lambda: draw.curves(_others(run, rivals)),
                wide=True,
            )
        )
    if task in ("multiclass", "multilabel") and draw.both_kinds(run):
        blocks.append(
            Figure(
                f"roc_pr{suffix}",
                "Test split. ROC and its area, precision and recall of each class against the "
                f"rest; at most {draw.CLASSES} classes, those told worst.",
                "ROC and precision-recall curves of classes",
                lambda: draw.class_curves(run),
                wide=True,
            )
        )
    if task in ("binary", "multiclass"):
        table = draw.confusion_table(run)
        blocks.append(
            Figure(
                f"confusion{suffix}",
                "Test samples by true and predicted class; shaded by the share of the true class.",
                f"{int(np.trace(table))} of {int(table.sum())} right",
                lambda: draw.confusion(run),
            )
        )
    blocks.append(
        Figure(
            f"calibration{suffix}",
            "Predicted against observed, in ten bins of as many samples each, with 95 % intervals; "
            "dotted: perfect.",
            "calibration curve",
            lambda: draw.calibration(run),
        )
    )
    return blocks


def _others(run: Predictions, rivals: dict[str, Path]) -> dict[str, Predictions]:
    found = {}
    for i, (name, folder) in enumerate([*rivals.items()][:5]):
        try:
            other = run if i == 0 else predictions(folder)
        except LeptonError:
            continue
        if other.spec.task == "binary":
            found[name] = other
    return found or {"best": run}


def _slices(run: Predictions, rows: pd.DataFrame, suffix: str) -> list[Block]:
    table = slices(rows, run.wrong)
    if table.empty:
        return []
    sure = int((table["p_holm"] < 0.05).sum())
    said = f"{sure or 'None'} of {len(table)} slices differ{'s' if sure == 1 else ''}"
    return [
        Text(f"{said} from the rest beyond chance (Welch's t-test, corrected by Holm)."),
        Figure(
            f"slices{suffix}",
            f"{run.measure.capitalize()} on the 12 slices that differ most surely from the rest, "
            "with 95 % intervals (number of samples); orange: beyond chance; dotted: all samples.",
            f"{run.measure} by slice, overall {run.wrong.mean():.4f}",
            lambda: draw.slice_errors(table, float(run.wrong.mean()), run.measure),
            wide=True,
        ),
    ]


def _mistakes(run: Predictions, rows: pd.DataFrame | None, suffix: str) -> Block:
    """The samples predicted worst, with what the run was shown of them."""
    order = np.argsort(-run.loss, kind="stable")
    order = order[run.wrong[order] > 0][:WORST]
    if not len(order):
        return Text("It gets nothing wrong on the test split.")
    head = ["sample", "true", "predicted"]
    cells = [[str(run.ids[i]), *_told(run, i)] for i in order]
    if rows is not None:
        head += [str(c) for c in rows]
        most = CUT_TEXT if run.spec.text_features else CUT
        cells = [
            [*row, *(_short(v, most) for v in rows.iloc[i])]
            for row, i in zip(cells, order, strict=True)
        ]
    shown = "" if rows is None else ", with their inputs"
    caption = (
        f"The {len(order)} worst mistakes on the test split{shown}; sample counts rows from 0."
    )
    return Table(f"mistakes{suffix}", caption, head, cells, len(head))


def _told(run: Predictions, i: int) -> list[str]:
    target, prediction, spec = run.target[i], run.prediction[i], run.spec
    if spec.task == "regression":
        return [f"{target:.5g}", f"{prediction:.5g}"]
    if spec.task == "binary":
        return [spec.classes[int(target)], f"{spec.classes[1]} {prediction:.3f}"]
    if spec.task == "multiclass":
        top = int(prediction.argmax())
        own = prediction[int(target)]
        return [
            f"{spec.classes[int(target)]} {own:.3f}",
            f"{spec.classes[top]} {prediction[top]:.3f}",
        ]
    names = [n for n, y in zip(spec.classes, target, strict=True) if y]
    found = [n for n, p in zip(spec.classes, prediction, strict=True) if p > 0.5]
    return [", ".join(names) or "none", ", ".join(found) or "none"]


def _short(value: object, most: int) -> str:
    text = f"{value:.5g}" if isinstance(value, float) else " ".join(str(value).split())
    return text if len(text) <= most else text[: most - 1] + "…"
