"""The section on the errors of the best run: plots of its predictions, slices, worst mistakes."""

from pathlib import Path

import numpy as np
import pandas as pd

from lepton.analysis.conclusions import SIGNIFICANCE_LEVEL
from lepton.analysis.grouping import rows_by_key
from lepton.dataset.inputs.picture import Media
from lepton.errors import LeptonError
from lepton.evaluation.sample_inputs import read_sample_inputs
from lepton.metric.direction import larger_is_better
from lepton.report.blocks import Block, Figure, Note, Section, Table, Text
from lepton.report.dataset_runs import DatasetRuns
from lepton.report.figures.labels import option_label
from lepton.report.figures.slices import MAX_SLICES, slice_errors
from lepton.report.predictions import Predictions, read_sample_predictions
from lepton.report.sections.decision_gains import decision_gain_blocks
from lepton.report.sections.group_gaps import gap_blocks
from lepton.report.sections.prediction_figures import prediction_figures
from lepton.stats.slices import EVALUATOR, slices
from lepton.storage.derived_record import DERIVED_KEY
from lepton.storage.evaluations import read_evaluation_frame

MAX_MISTAKES = 10
BY_WEIGHTS = {False: "", True: "; all figures and tables count samples by their weights"}


def error_analysis_section(
    dataset: DatasetRuns, derived_runs: pd.DataFrame, keys: list[str], select: str
) -> Section:
    """The section on a data set's best run by the validation metric `select`.

    Curves show it beside the best runs of other options of the keys, and derived runs.
    """
    title = f"What the best run gets wrong{dataset.on_dataset}"
    runs = _best_first(dataset, select)
    best_run = Path(runs["folder"].iloc[0])
    try:
        predictions = read_sample_predictions(best_run)
    except LeptonError as e:
        return Section(title, [Note(str(e))])
    suffix, weighs = dataset.suffix, predictions.weight is not None
    blocks: list[Block] = [
        Text(
            f"{best_run.name} on its {len(predictions.ids)} test samples: "
            f"{predictions.error_name} {predictions.mean_error:.4f}{BY_WEIGHTS[weighs]}."
        ),
        *prediction_figures(predictions, _runs_by_name(runs, derived_runs, keys), best_run, suffix),
        *decision_gain_blocks(runs, suffix),
        *gap_blocks(best_run, suffix),
    ]
    mistakes, shown = predictions.worst(MAX_MISTAKES), None
    table = read_evaluation_frame(best_run, EVALUATOR, EVALUATOR)
    try:
        sample_inputs = read_sample_inputs(best_run, predictions.ids)
        shown = sample_inputs.shown(mistakes)
        if table is None:
            table = slices(sample_inputs.slice_columns, predictions.errors, predictions.weight)
    except (LeptonError, OSError, KeyError, ValueError, TypeError, IndexError) as e:
        reason = " ".join(str(e).split())
        what = "No inputs are shown, and no slices" if table is None else "No inputs are shown"
        blocks.append(Note(f"{what}: {reason}."))
    if table is not None:
        blocks += _slices(predictions, table, suffix)
    return Section(title, [*blocks, _worst_mistakes(predictions, mistakes, shown, suffix)])


def _best_first(dataset: DatasetRuns, select: str) -> pd.DataFrame:
    metric = dataset.ordered_by(select)
    is_ascending = not larger_is_better(metric, dataset.runs)
    return dataset.runs.sort_values(metric, ascending=is_ascending, kind="stable")


def _runs_by_name(
    runs: pd.DataFrame, derived_runs: pd.DataFrame, keys: list[str]
) -> dict[str, Path]:
    """The folders of the best run of each option and of the data set's derived runs, best first."""
    options = rows_by_key(runs, [key for key in keys if key in runs])
    folders = {
        option_label(option) or "best": Path(option_runs["folder"].iloc[0])
        for option, option_runs in options
    }
    if "dataset" in derived_runs and "dataset" in runs:
        derived_runs = derived_runs[derived_runs["dataset"] == runs["dataset"].iloc[0]]
    for row in derived_runs.to_dict("records"):
        command = row[DERIVED_KEY]
        folders.setdefault(f"{command} {row[command]}", Path(row["folder"]))
    return folders


def _slices(predictions: Predictions, table: pd.DataFrame, suffix: str) -> list[Block]:
    """The slices whose errors differ most surely from the others'."""
    if table.empty:
        return []
    different = int((table["p_holm"] < SIGNIFICANCE_LEVEL).sum())
    overall = predictions.mean_error
    error_name = predictions.error_name
    return [
        Text(
            f"{different or 'None'} of {len(table)} slices differ{'s' if different == 1 else ''} "
            "from the rest beyond chance (Fisher's exact test and Holm's correction; of losses, "
            "shuffled ones)."
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


def _worst_mistakes(
    predictions: Predictions,
    mistakes: np.ndarray,
    shown: tuple[pd.DataFrame, list[int]] | None,
    suffix: str,
) -> Block:
    """The mistakes at these positions, with what is shown of their inputs where it is given."""
    if not len(mistakes):
        return Text("It gets nothing wrong on the test split.")
    header = ["sample", "true", "predicted"]
    rows = [[str(predictions.ids[i]), *predictions.described(i)] for i in mistakes]
    with_inputs = ""
    if shown is not None:
        with_inputs = ", with their inputs"
        inputs, lengths = shown
        header += map(str, inputs)
        values_by_row = inputs.itertuples(index=False, name=None)
        for row, values in zip(rows, values_by_row, strict=True):
            row += map(_cell, values, lengths)
    caption = (
        f"The {len(mistakes)} worst mistakes on the test split{with_inputs}; sample counts rows "
        "from 0."
    )
    return Table(f"mistakes{suffix}", caption, header, rows, len(header))


def _cell(value: object, max_length: int) -> str:
    """A value as a cell shows it, a picture or a sound as it is."""
    if isinstance(value, Media):
        return value
    text = f"{value:.5g}" if isinstance(value, float) else " ".join(str(value).split())
    return text if len(text) <= max_length else text[: max_length - 1] + "…"
