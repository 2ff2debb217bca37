"""Tables for the terminal: a study with its seeds grouped."""

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pandas as pd
from rich.table import Table

from lepton.analysis.comparison import (
    preferred_test_columns,
    runs_by_dataset,
    selection_metric,
)
from lepton.analysis.data_sets import unrecorded_note
from lepton.analysis.grouping import (
    REPETITION_KEYS,
    chosen_groups,
    derived_columns,
    varying_settings,
    with_unique_derived_names,
    without_derived,
)
from lepton.analysis.label_use import label_use_note
from lepton.analysis.run_filter import FilteredRuns, filter_runs
from lepton.analysis.score_metrics import ordered_column
from lepton.analysis.study import LOST_STATUSES, describe_counts, gather_runs
from lepton.analysis.study_table import best_rows, constant_cell, legend, study_table
from lepton.compat.rich import PlainConsole
from lepton.config.data_identity import tells_data
from lepton.errors import LeptonError, did_you_mean
from lepton.foreign_text import printable
from lepton.metric.direction import is_of_test

PLAIN_WIDTH = 160  # characters, where the output is not a terminal
LEAST_WIDTH = 20  # that a terminal must claim to be believed
UNASKED_METRICS = 2  # columns of metrics in a study's table
MAX_ROWS = 100  # of a table, and of runs without a result, that are printed unasked


def console() -> PlainConsole:
    """A console for tables, wide enough where the output is not a terminal."""
    terminal = PlainConsole()
    return (
        terminal
        if terminal.is_terminal and terminal.width >= LEAST_WIDTH
        else PlainConsole(width=PLAIN_WIDTH)
    )


class Output(Protocol):
    """What tables and lines are printed on."""

    def print(self, block: Any, /, *, soft_wrap: bool = False) -> None: ...


def show_study(
    study: str | Path,
    by: list[str] | None = None,
    metrics: list[str] | None = None,
    select: str = "score",
    *,
    rows: float = MAX_ROWS,
    where: str | None = None,
    explain: bool = False,
    out: Output | None = None,
) -> None:
    """Prints a study's table, what it means, and the runs without a result.

    `by`: columns to group by, by default the settings that vary; `metrics`: names, by default the
    preferred ones; `select`: the validation metric that rows are ordered by; `rows`: the most to
    print, best first; `where`: the condition that the runs meet; `explain`: also how to read it;
    `out`: what prints, by default the terminal.
    """
    filtered, out = filter_runs(gather_runs([study]), where), out or console()
    frame = filtered.runs
    finished = frame[frame["status"] == "finished"].dropna(axis=1, how="all")
    if len(finished):
        command = ["lepton", "results", str(study), *(["--where", where] if where else [])]
        shown = _Shown(command, by, metrics, selection_metric(select, finished), rows, explain)
        for block in _study_blocks(finished, shown):
            is_advice = isinstance(block, str) and "lepton results" in block
            out.print(block, soft_wrap=is_advice)
    show_runs_without_result(filtered, out, rows=rows)


@dataclass(frozen=True)
class _Shown:
    """What was asked for of a study's tables."""

    command: list[str]  # that shows them
    by: list[str] | None
    metrics: list[str] | None
    select: str
    rows: float
    explain: bool


def _study_blocks(finished: pd.DataFrame, shown: _Shown) -> list[Table | str]:
    """A table for each data set, whose scores do not compare with another's, and what they mean.

    One table of all where the data set is among the columns to group by.
    """
    asked, by = metric_columns(shown.metrics, finished), shown.by
    named = _check_columns(by or [], finished)
    data_sets = runs_by_dataset(finished)
    if any(column == "dataset" or tells_data(column) for column in named):
        by, data_sets = [*dict.fromkeys([*named, "dataset"])], [(None, finished)]
    blocks, legends, compared = [], dict[str, None](), dict[str, None]()
    for name, rows in data_sets:
        runs = rows.dropna(axis=1, how="all")
        columns = [c for c in asked if c in runs] if shown.metrics else metric_columns(None, runs)
        blocks += [printable(f"{name}:", one_line=True)] if name is not None else []
        if not columns:
            blocks.append(f"no finished run has {', '.join(asked)}")
            continue
        select = ordered_column(shown.select, runs)
        runs, keys = _rows_and_keys(runs, by)
        keys = [key for key in keys if key in runs]
        best = best_rows(runs, keys, select, shown.rows)
        constants = [constant_cell(runs, metric) for metric in columns]
        blocks.append(study_table(best, keys, columns, select, constants))
        if best.hidden:
            blocks.append(_hidden_text(shown.command, shown.rows, best.hidden))
        lines = legend(best.runs, keys, columns, select, explain=shown.explain)
        legends |= dict.fromkeys(lines)
        compared |= dict.fromkeys(keys)
    if legends and not shown.explain:
        *others, last = legends
        legends = [
            *others,
            f"{last} {shlex.join([*shown.command, '--explain'])} says how to read it.",
        ]
    kinds = label_use_note([name for name, _ in data_sets])
    hint = kinds or _ranks_hint(shown.command, [*compared], len(data_sets))
    return [*blocks, *legends, *hint]


def _ranks_hint(words: list[str], keys: list[str], data_sets: int) -> list[str]:
    """A line on the command that ranks options over several data sets."""
    key = next((key for key in keys if key not in REPETITION_KEYS), None)
    if data_sets < 2 or key is None:
        return []
    command = shlex.join([*words, "--compare", key])
    return [f"Scores of two data sets do not compare; ranks over all: {command}"]


def _hidden_text(words: list[str], rows: float, hidden: int) -> str:
    command = shlex.join(words)
    return (
        f"These are the best {rows} of {rows + hidden} rows: `{command} --rows all` shows all, "
        f"`{command} --csv runs.csv` writes a table of all runs."
    )


def _rows_and_keys(finished: pd.DataFrame, by: list[str] | None) -> tuple[pd.DataFrame, list[str]]:
    """The runs of a table and the columns that group them; a derived run stands for itself."""
    commands = derived_columns(finished)
    if by is not None:
        names_derived_runs = {"model", *commands} & {*by}
        return (finished if names_derived_runs else without_derived(finished)), by
    runs = without_derived(finished)
    keys = varying_settings(runs, chosen_groups(runs))
    if not commands:
        return finished, keys
    return with_unique_derived_names(finished), [*keys, *commands]


def show_runs_without_result(
    filtered: FilteredRuns, out: Output, *, rows: float = MAX_ROWS
) -> None:
    """Prints runs without a result, with their errors; the number of runs by status; the filter."""
    frame = filtered.runs
    lost = frame[frame["status"].isin(LOST_STATUSES)][["status", "run", "error"]]
    for i, (status, run, error) in enumerate(lost.itertuples(index=False)):
        if i >= rows:
            out.print(f"and {len(lost) - i} more without a result, which --csv FILE lists")
            break
        line = f"{status}: {run}: {error}"
        out.print(printable(line, one_line=True), soft_wrap=True)
    if count := int((frame["status"] == "pruned").sum()):
        out.print(f"pruned: {count} {'run' if count == 1 else 'runs'}")
    if note := unrecorded_note(frame):
        out.print(note, soft_wrap=True)
    out.print(f"Looked at {describe_counts(frame)}.")
    if filtered.note:
        out.print(printable(f"Filter: {filtered.note}.", one_line=True), soft_wrap=True)


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
    for name in full_names:
        if name not in columns:
            raise LeptonError(f"{name}: no finished run has it{did_you_mean(name, columns)}")
    return full_names
