"""The section on training: learning curves, score against cost, and runs across their settings."""

from pathlib import Path

import pandas as pd

from lepton.analysis.grouping import rows_by_key
from lepton.analysis.score_metrics import SCORE, selection_name
from lepton.errors import LeptonError
from lepton.metric.direction import larger_is_better
from lepton.report.blocks import Block, Figure, Note, Section
from lepton.report.dataset_runs import DatasetRuns
from lepton.report.figures import training as figures
from lepton.report.figures.labels import option_label
from lepton.report.figures.style import MAX_DRAWN_RUNS
from lepton.storage.run_files import read_run_table
from lepton.storage.run_folder import HISTORY_FILE

MAX_OPTIONS, MAX_RUNS_PER_OPTION = 6, 12  # with learning curves
MAX_SETTINGS = 6  # of parallel coordinates
COSTS = {"seconds": "training time", "parameters": "parameters"}  # columns and their names


def training_section(
    datasets: list[DatasetRuns], keys: list[str], varied: list[str], *, left_out: int
) -> Section:
    """The section on the training of the runs on each data set; `left_out` is of data sets.

    `keys` are compared; `varied` are all settings in which the runs differ.
    """
    blocks: list[Block] = []
    if left_out > 0:
        more = f"{left_out} more data set{'' if left_out == 1 else 's'}"
        blocks.append(Note(f"No figures of training are drawn of {more}."))
    for dataset in datasets:
        blocks += _learning_curves(dataset, keys)
        blocks += _scores_by_cost(dataset, keys)
        blocks += _parallel_coordinates(dataset, varied)
    return Section("How training went", blocks)


def _learning_curves(dataset: DatasetRuns, keys: list[str]) -> list[Figure]:
    options = rows_by_key(dataset.runs, dataset.varying(keys))
    histories = _histories(options[:MAX_OPTIONS])
    if not histories:
        return []
    drawn = (
        f"{min(len(options), MAX_OPTIONS)} of {len(options)} options, at most "
        f"{MAX_RUNS_PER_OPTION} runs each"
    )
    metric = dataset.ordered_by(SCORE)
    return [
        Figure(
            f"learning_curves{dataset.suffix}",
            f"Learning curves{dataset.on_dataset}: mean over an option's runs, band from the "
            f"lowest to the highest ({drawn}).",
            f"{selection_name(metric)} and training loss by epoch{dataset.on_dataset}",
            lambda: figures.learning_curves(histories, metric),
            wide=True,
        )
    ]


def _histories(options: list[tuple[tuple, pd.DataFrame]]) -> dict[tuple, list[pd.DataFrame]]:
    """The epochs of some runs of each option; models that fit themselves have none."""
    histories = {}
    for option, runs in options:
        frames = [_read_history(Path(folder)) for folder in runs["folder"][:MAX_RUNS_PER_OPTION]]
        if frames := [frame for frame in frames if frame is not None]:
            histories[option] = frames
    return histories


def _read_history(run_folder: Path) -> pd.DataFrame | None:
    """The epochs of a run; None where they cannot be read or hold no curve."""
    try:
        frame = read_run_table(run_folder, HISTORY_FILE)
    except (OSError, LeptonError):
        return None
    return frame if "epoch" in frame and {*figures.CURVES} & {*frame} else None


def _scores_by_cost(dataset: DatasetRuns, keys: list[str]) -> list[Figure]:
    """The score against training time and against parameters, where these differ."""
    if not dataset.runs[dataset.metric].notna().any():
        return []
    drawn = {column: _with_own_cost(dataset.runs, column) for column in COSTS}
    return [
        _score_by_cost(dataset, runs, column, keys)
        for column, runs in drawn.items()
        if runs[column].nunique() > 1
    ]


def _with_own_cost(runs: pd.DataFrame, column: str) -> pd.DataFrame:
    """The runs whose cost is their own: the members of a stack share its time."""
    return (
        runs[~runs["trained"].fillna("").str.startswith("stack")] if column == "seconds" else runs
    )


def _score_by_cost(
    dataset: DatasetRuns, runs: pd.DataFrame, column: str, keys: list[str]
) -> Figure:
    metric, cost = dataset.metric, COSTS[column]
    labels = _option_labels(runs, dataset.varying(keys))
    sample = f" Dots: {MAX_DRAWN_RUNS} runs drawn by chance." if len(runs) > MAX_DRAWN_RUNS else ""
    stacked = len(dataset.runs) - len(runs)
    left_out = f" Left out: {stacked} trained in stacks, which share their time." if stacked else ""
    return Figure(
        f"score_by_{column}{dataset.suffix}",
        f"{metric.replace('/', ' ')} against {cost}{dataset.on_dataset}; line: runs that no "
        f"other beats in both.{sample}{left_out}",
        f"{metric} against {cost} of {len(runs)} runs{dataset.on_dataset}",
        lambda: figures.score_by_cost(
            runs, column, metric, larger_is_better=larger_is_better(metric, runs), labels=labels
        ),
    )


def _option_labels(runs: pd.DataFrame, keys: list[str]) -> pd.Series:
    """The label of each run's option; `runs` where no key tells them apart."""
    labels = pd.Series("runs", index=runs.index)
    for option, option_runs in rows_by_key(runs, keys) if keys else []:
        labels[option_runs.index] = option_label(option)
    return labels


def _parallel_coordinates(dataset: DatasetRuns, varied: list[str]) -> list[Figure]:
    keys = dataset.varying(varied)[:MAX_SETTINGS]
    if len(keys) < 2 or len(dataset.runs) < 3:  # one key is drawn by the comparison
        return []
    max_runs = figures.MAX_PARALLEL_RUNS
    metric = dataset.ordered_by(SCORE)
    sample = f" A sample of {max_runs} runs." if len(dataset.runs) > max_runs else ""
    return [
        Figure(
            f"parallel_coordinates{dataset.suffix}",
            f"A line a run{dataset.on_dataset} through its settings to its "
            f"{selection_name(metric)}; orange: the best tenth.{sample}",
            f"settings and {selection_name(metric)} of every run{dataset.on_dataset}",
            lambda: figures.parallel_coordinates(dataset.runs, keys, metric),
            wide=True,
        )
    ]
