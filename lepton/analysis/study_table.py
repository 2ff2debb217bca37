"""The table of a study's runs on one data set: a row for each setting, and what it means."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from rich.table import Table

from lepton.analysis.comparison import repeated_units, setting_text
from lepton.analysis.grouping import (
    REPETITION_KEYS,
    derived_columns,
    difference_table,
    key_with_none,
    numbered_options,
    summary_table,
    without_derived,
)
from lepton.analysis.score_metrics import SCORE, directed, score_caution, selection_name
from lepton.metric.direction import larger_is_better
from lepton.stats.repetitions import MIN_UNITS, varying_splits

SPLITS_LEGEND = "Seeds on a split are averaged, and what splits share of their rows is allowed for."
SEEDS_LEGEND = "Intervals over seeds say nothing about another test split."


def number_text(value: float | None) -> str:
    """A number in a cell; nothing where there is none."""
    return "" if value is None or np.isnan(value) else f"{value:.4f}"


@dataclass(frozen=True)
class ShownRows:
    """The best rows of a study's table: their runs, and how many rows there are beside them."""

    runs: pd.DataFrame
    hidden: int
    hidden_settings: int  # of them, those of trained runs


def best_rows(frame: pd.DataFrame, by: list[str], select: str, count: float) -> ShownRows:
    """The runs of the first rows of a table, and how many rows come after them."""
    ordered = _ordered_options(frame, by, select)
    if len(ordered) <= count:
        return ShownRows(frame, 0, 0)
    shown, hidden = ordered[: int(count)], ordered[int(count) :]
    numbers, _ = numbered_options(frame, by)
    commands = [command for command in derived_columns(frame) if command in by]
    hidden_settings = int(hidden[commands].isna().all(axis=1).sum())
    return ShownRows(frame[np.isin(numbers, shown.index)], len(hidden), hidden_settings)


def _ordered_options(frame: pd.DataFrame, by: list[str], select: str) -> pd.DataFrame:
    """The options of a table with their validation scores, best first on each data set."""
    smaller_first = not larger_is_better(select, frame)
    options = summary_table(frame, by, select)
    options = options.sort_values("mean", ascending=smaller_first, kind="stable")
    return options.sort_values("dataset", kind="stable") if "dataset" in by else options


def study_table(
    shown: ShownRows, by: list[str], metrics: list[str], select: str, constants: list[str]
) -> Table:
    """Groups ordered by validation score; the first metric with its interval and differences."""
    frame, ordered = shown.runs, _ordered_options(shown.runs, by, select)
    difference_cells = _difference_cells(shown, by, metrics[0], ordered)
    summaries = {metric: summary_table(frame, by, metric) for metric in metrics}
    tuning_columns = _tuning_columns(frame, by, metrics[0])
    table = Table(box=None)
    for name in (*by, "runs", selection_name(select)):
        table.add_column(name, overflow="fold")
    for i, metric in enumerate(metrics):
        title = metric.replace("/", " ") + (" [95 %]" if i == 0 else "")
        table.add_column(title, justify="right", no_wrap=True)
    if difference_cells:
        reference = "first row" if len(difference_cells) == len(ordered) else "first row of runs"
        table.add_column(f"minus {reference} [95 %]", justify="right", no_wrap=True)
    for title in tuning_columns:
        table.add_column(title, justify="right", no_wrap=True)
    for row in ordered.index:
        cells = [_value_text(ordered.loc[row, key]) for key in by]
        cells += [str(ordered.loc[row, "n"]), f"{ordered.loc[row, 'mean']:.4f}"]
        cells += [
            _metric_cell(summaries[metric].loc[row], with_interval=i == 0)
            for i, metric in enumerate(metrics)
        ]
        cells += [difference_cells.get(row, "")] if difference_cells else []
        table.add_row(*cells, *(column[row] for column in tuning_columns.values()))
    if "dataset" not in by:
        table.add_row("constant", *[""] * (len(by) + 1), *constants, style="dim")
    return table


def _difference_cells(
    shown: ShownRows, by: list[str], metric: str, ordered: pd.DataFrame
) -> dict[int, str]:
    """The difference of each row from the first row of runs, by row; derived runs have none,
    since they share their settings with no run."""
    frame = shown.runs
    commands = [command for command in derived_columns(frame) if command in by]
    runs = without_derived(frame) if commands else frame
    keys = [key for key in by if key not in commands or runs is frame]
    run_rows = ordered if runs is frame else ordered[ordered[commands].isna().all(axis=1)]
    if not keys or len(run_rows) < 2 or "dataset" in keys:
        return {}
    row_by_option = {key_with_none(values): row for row, *values in run_rows[keys].itertuples()}
    picked_of = len(row_by_option) + shown.hidden_settings
    differences = difference_table(
        runs, keys, metric, next(iter(row_by_option)), picked_of=picked_of
    )
    rows = [
        row_by_option[key_with_none(values)] for values in differences[keys].itertuples(index=False)
    ]
    cells = [
        _interval_cell(row["difference"], row, "+", row["pairs"])
        for _, row in differences.iterrows()
    ]
    return dict(zip(rows, cells, strict=True))


def _tuning_columns(frame: pd.DataFrame, by: list[str], metric: str) -> dict[str, list[str]]:
    """Columns for fine-tuned runs: the metric of their start where its head fits, that of the best
    linear head on the untuned backbone, and the share of parameters that was trained."""
    if f"before/{metric}" not in frame:
        return {}
    start = {}
    if f"start/{metric}" in frame:
        means = summary_table(frame, by, f"start/{metric}")["mean"]
        start = {"start": [number_text(value) for value in means]}
    untuned = summary_table(frame, by, f"before/{metric}")["mean"]
    shares = frame[by].assign(share=100 * frame["trainable"] / frame["parameters"])
    mean_shares = summary_table(shares, by, "share")["mean"].where(untuned.notna())
    return start | {
        "untuned": [number_text(value) for value in untuned],
        "trained": ["" if np.isnan(value) else f"{value:.3g} %" for value in mean_shares],
    }


def _value_text(value: object) -> str:
    return "" if pd.isna(value) else setting_text(value)


def constant_cell(frame: pd.DataFrame, metric: str) -> str:
    """The metric of the constant predictor."""
    column = f"constant/{metric}"
    return f"{frame[column].mean():.4f}" if column in frame and frame[column].notna().any() else ""


def _metric_cell(row: pd.Series, *, with_interval: bool) -> str:
    """A mean with its interval, or with its standard deviation."""
    if with_interval:
        return _interval_cell(row["mean"], row, "", row["units"])
    return number_text(row["mean"]) + ("" if np.isnan(row["sd"]) else f" ± {row['sd']:.4f}")


def _interval_cell(value: float, row: pd.Series, sign: str, units: int) -> str:
    """A value with the interval of its row over so many units; `sign`: + to show it always."""
    if np.isnan(value):
        return ""
    if 1 < units < MIN_UNITS:
        return f"{value:{sign}.4f} (n too small)"
    low, high = row["low"], row["high"]
    has_interval = high > low  # neither one run nor runs that are all the same
    interval = f" [{low:{sign}.4f}, {high:{sign}.4f}]" if has_interval else ""
    return f"{value:{sign}.4f}{interval}"


def legend(
    frame: pd.DataFrame, by: list[str], metrics: list[str], select: str, *, explain: bool
) -> list[str]:
    """Sentences on what a study's table means; with `explain` also on how to read it."""
    metric = metrics[0]
    repetitions = [c for c in REPETITION_KEYS if c in frame.columns and frame[c].nunique() > 1]
    lines = [
        f"Ordered by {directed(select, frame)}, never by the test split; {directed(metric, frame)}."
    ]
    if select == SCORE and (caution := score_caution(frame)):
        lines.insert(0, caution)
    summaries = summary_table(frame, by, metric)
    if repetitions and summaries["n"].max() > 1:
        over = repeated_units(summaries)
        lines.append(f"[ ]: 95 % interval over {over}; ±: standard deviation.")
        if explain:
            lines.append(
                f"± is over {' and '.join(repetitions)}, [ ] is of the mean over {over}, and of "
                "the paired difference: where that holds 0, these runs cannot tell the two apart; "
                "--compare tests it. " + (SPLITS_LEGEND if varying_splits(frame) else SEEDS_LEGEND)
            )
    else:
        lines.append("One run a row: a difference can be chance; add -m seed='range(5)'.")
    if explain and f"start/{metric}" in frame:
        lines.append(f"start: {metric} of the network that tuning began with, as it was loaded.")
    if explain and f"before/{metric}" in frame:
        lines.append(
            f"untuned: {metric} of the best linear head of scikit-learn's on the features "
            "as they were before tuning; trained: the share of the parameters that was."
        )
    return lines
