"""Tables for the terminal: a study with its seeds grouped."""

import shlex
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from rich.table import Table

from lepton.analysis.comparison import (
    preferred_test_columns,
    repeated_units,
    selection_metric,
)
from lepton.analysis.grouping import (
    REPETITION_KEYS,
    chosen_groups,
    derived_columns,
    difference_table,
    key_with_none,
    numbered_options,
    summary_table,
    varying_settings,
    with_unique_derived_names,
    without_derived,
)
from lepton.analysis.study import LOST_STATUSES, describe_counts, gather_runs
from lepton.compat.rich import PlainConsole
from lepton.errors import LeptonError, did_you_mean
from lepton.foreign_text import printable
from lepton.metric.direction import is_of_test, larger_is_better
from lepton.stats.repetitions import MIN_UNITS, varying_splits

SELECTION_TEXTS = {"score": "score, the validation split's monitored metric (larger is better)"}
PLAIN_WIDTH = 160  # characters, where the output is not a terminal
SPLITS_LEGEND = "Seeds on a split are averaged, and what splits share of their rows is allowed for."
SEEDS_LEGEND = "Intervals over seeds say nothing about another test split."
LEAST_WIDTH = 20  # that a terminal must claim to be believed
UNASKED_METRICS = 2  # columns of metrics in a study's table
MAX_ROWS = 100  # of a table, and of runs without a result, that are printed unasked


def number_text(value: float | None) -> str:
    """A number in a cell; nothing where there is none."""
    return "" if value is None or np.isnan(value) else f"{value:.4f}"


def console() -> PlainConsole:
    """A console for tables, wide enough where the output is not a terminal."""
    terminal = PlainConsole()
    return (
        terminal
        if terminal.is_terminal and terminal.width >= LEAST_WIDTH
        else PlainConsole(width=PLAIN_WIDTH)
    )


@dataclass(frozen=True)
class ShownRows:
    """The best rows of a study's table: their runs, and how many rows there are beside them."""

    runs: pd.DataFrame
    hidden: int
    hidden_settings: int  # of them, those of trained runs


def show_study(
    study: str | Path,
    by: list[str] | None = None,
    metrics: list[str] | None = None,
    select: str = "score",
    *,
    rows: float = MAX_ROWS,
) -> None:
    """Prints a study's table, what it means, and the runs without a result.

    `by`: columns to group by, by default the settings that vary; `metrics`: names, by default the
    preferred ones; `select`: the validation metric that rows are ordered by; `rows`: the most to
    print, best first.
    """
    frame, out = gather_runs([study]), console()
    finished = frame[frame["status"] == "finished"].dropna(axis=1, how="all")
    if len(finished):
        select = selection_metric(select, finished)
        finished, by = _rows_and_keys(finished, by)
        columns = metric_columns(metrics, finished)
        shown = _best_rows(finished, by, select, rows)
        table = _study_table(shown, by, columns, select)
        constants = [_constant_cell(finished, metric) for metric in columns]
        table.add_row("constant", *[""] * (len(by) + 1), *constants, style="dim")
        out.print(table)
        if shown.hidden:
            out.print(_hidden_text(study, rows, shown.hidden), soft_wrap=True)
        out.print(_legend(shown.runs, by, columns, select))
    show_runs_without_result(frame, out, rows=rows)


def _best_rows(frame: pd.DataFrame, by: list[str], select: str, count: float) -> ShownRows:
    ordered = _ordered_options(frame, by, select)
    if len(ordered) <= count:
        return ShownRows(frame, 0, 0)
    shown, hidden = ordered[: int(count)], ordered[int(count) :]
    numbers, _ = numbered_options(frame, by)
    commands = [command for command in derived_columns(frame) if command in by]
    hidden_settings = int(hidden[commands].isna().all(axis=1).sum())
    return ShownRows(frame[np.isin(numbers, shown.index)], len(hidden), hidden_settings)


def _ordered_options(frame: pd.DataFrame, by: list[str], select: str) -> pd.DataFrame:
    """The options of a table with their validation scores, best first."""
    smaller_first = not larger_is_better(select, frame)
    options = summary_table(frame, by, select)
    return options.sort_values("mean", ascending=smaller_first, kind="stable")


def _hidden_text(study: str | Path, rows: float, hidden: int) -> str:
    command = f"lepton results {shlex.quote(str(study))}"
    return (
        f"These are the best {rows} of {rows + hidden} rows: `{command} --rows all` shows all, "
        f"`{command} --csv runs.csv` writes a table of all runs."
    )


def _rows_and_keys(finished: pd.DataFrame, by: list[str] | None) -> tuple[pd.DataFrame, list[str]]:
    """The runs of a table and the columns that group them; a derived run stands for itself."""
    commands = derived_columns(finished)
    if by is not None:
        names_derived_runs = {"model", *commands} & {*_check_columns(by, finished)}
        return (finished if names_derived_runs else without_derived(finished)), by
    runs = without_derived(finished)
    keys = varying_settings(runs, chosen_groups(runs))
    if not commands:
        return finished, keys
    return with_unique_derived_names(finished), [*keys, *commands]


def show_runs_without_result(
    frame: pd.DataFrame, out: PlainConsole, *, rows: float = MAX_ROWS
) -> None:
    """Prints runs without a result, with their errors; and the number of runs by status."""
    lost = frame[frame["status"].isin(LOST_STATUSES)][["status", "run", "error"]]
    for i, (status, run, error) in enumerate(lost.itertuples(index=False)):
        if i >= rows:
            out.print(f"and {len(lost) - i} more without a result, which --csv FILE lists")
            break
        line = f"{status}: {run}: {error}"
        out.print(printable(line, one_line=True), soft_wrap=True)
    if count := int((frame["status"] == "pruned").sum()):
        out.print(f"pruned: {count} {'run' if count == 1 else 'runs'}")
    out.print(f"Looked at {describe_counts(frame)}.")


def _check_columns(columns: list[str], frame: pd.DataFrame) -> list[str]:
    """The columns. Raises: LeptonError for one that the frame does not have."""
    for column in columns:
        if column not in frame.columns:
            raise LeptonError(f"{column}: no such column{did_you_mean(column, frame.columns)}")
    return columns


def metric_columns(names: list[str] | None, frame: pd.DataFrame) -> list[str]:
    """The columns of the metrics to show; a bare name means the test split's, None the preferred.

    Raises: LeptonError for a metric that no run has.
    """
    if names is None:
        return preferred_test_columns(frame)[:UNASKED_METRICS]
    if not names:
        raise LeptonError("--metric: name a metric, as --metric=auroc")
    columns = [c for c in frame.columns if c.startswith("val/") or is_of_test(c)]
    full_names = [name if "/" in name else f"test/{name}" for name in names]
    return _check_columns(full_names, frame[columns])


def _study_table(shown: ShownRows, by: list[str], metrics: list[str], select: str) -> Table:
    """Groups ordered by validation score; the first metric with its interval and differences."""
    frame, ordered = shown.runs, _ordered_options(shown.runs, by, select)
    difference_cells = _difference_cells(shown, by, metrics[0], ordered)
    summaries = {metric: summary_table(frame, by, metric) for metric in metrics}
    tuning_columns = _tuning_columns(frame, by, metrics[0])
    table = Table(box=None)
    for name in (*by, "runs", select.replace("/", " ")):
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
    if not keys or len(run_rows) < 2:
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
    """Columns for fine-tuned runs: the untuned backbone's metric, and the share of parameters that
    was trained."""
    if f"before/{metric}" not in frame:
        return {}
    untuned = summary_table(frame, by, f"before/{metric}")["mean"]
    shares = frame[by].assign(share=100 * frame["trainable"] / frame["parameters"])
    mean_shares = summary_table(shares, by, "share")["mean"].where(untuned.notna())
    return {
        "untuned": [number_text(value) for value in untuned],
        "trained": ["" if np.isnan(value) else f"{value:.3g} %" for value in mean_shares],
    }


def _value_text(value: object) -> str:
    return "" if pd.isna(value) else f"{value:g}" if isinstance(value, float) else str(value)


def _constant_cell(frame: pd.DataFrame, metric: str) -> str:
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


def _legend(frame: pd.DataFrame, by: list[str], metrics: list[str], select: str) -> str:
    """Sentences on what a study's table means."""
    metric = metrics[0]
    repetitions = [c for c in REPETITION_KEYS if c in frame.columns and frame[c].nunique() > 1]
    direction = "larger" if larger_is_better(metric, frame) else "smaller"
    lines = [
        f"Ordered by {SELECTION_TEXTS.get(select, select)}, never by the test split; "
        f"{direction} {metric} is better."
    ]
    summaries = summary_table(frame, by, metric)
    if repetitions and summaries["n"].max() > 1:
        over = repeated_units(summaries)
        lines.append(
            f"± is the standard deviation over {' and '.join(repetitions)}, [ ] the 95 % "
            f"interval of the mean over {over}, and of the paired difference: where that holds "
            "0, these runs cannot tell the two apart; --compare tests it. "
            + (SPLITS_LEGEND if varying_splits(frame) else SEEDS_LEGEND)
        )
    else:
        lines.append("One run a row: a difference can be chance; add -m seed='range(5)'.")
    if f"before/{metric}" in frame:
        lines.append(
            f"untuned: {metric} of the best linear head of scikit-learn's on the features "
            "as they were before tuning; trained: the share of the parameters that was."
        )
    return "\n".join(lines)
