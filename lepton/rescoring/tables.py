"""The table of a run that was scored again: for the terminal, and as a DataFrame."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from rich.table import Table

from lepton.analysis.run_table import metric_table, with_evaluations
from lepton.analysis.study_table import number_text
from lepton.analysis.table import console
from lepton.foreign_text import printable
from lepton.rescoring.rescore import ScoredRows
from lepton.stats.bootstrap import Intervals


def show_scores(scored: ScoredRows) -> None:
    """Prints metrics with their intervals, beside those stored and those of evaluators."""
    names, intervals = dict(scored.metrics), scored.intervals
    columns = {
        scored.split: names,
        **({"95 % interval": _interval_texts(intervals)} if intervals else {}),
        **({"as stored": scored.stored} if scored.stored else {}),
    }
    columns, lines = with_evaluations(columns, scored.evaluations, names=names)
    columns = dict(_with_limits(label, column, scored) for label, column in columns.items())
    out = console()
    out.print(metric_table(columns, names=names))
    for name, shown in scored.tables.items():
        if shown.all_metrics:
            lines = [line for line in lines if not line.startswith(f"@{name}: ")]
        out.print(_text_table(shown.texts))
        lines += [f"@{name}: {line}" for line in shown.lines]
    counted = f"{scored.rows} rows of the {'test split' if scored.split == 'test' else 'file'}"
    how = "; intervals by the bootstrap over rows" if scored.intervals else ""
    for line in (*lines, f"{counted}{how}", *scored.notes):
        out.print(line, soft_wrap=True)


def _text_table(texts: pd.DataFrame) -> Table:
    table = Table(*map(str, texts.columns), box=None)
    for row in texts.itertuples(index=False):
        table.add_row(*map(printable, row))
    return table


def _interval_texts(intervals: Intervals) -> dict[str, str]:
    return {name: f"[{', '.join(map(number_text, limits))}]" for name, limits in intervals.items()}


def _with_limits(
    label: str, column: dict[str, float], scored: ScoredRows
) -> tuple[str, Mapping[str, float | str]]:
    """A column of an evaluation, as @decision, with the intervals where it has some."""
    key = f"{scored.split}{label.replace(' ', '/')}"
    limits = _interval_texts(
        {
            n: scored.evaluation_intervals[k]
            for n in column
            if (k := f"{key}/{n}") in scored.evaluation_intervals
        }
    )
    if not limits:
        return label, column
    cells = {n: f"{number_text(value)} {limits.get(n, '')}".rstrip() for n, value in column.items()}
    return f"{label} [95 %]", cells


def scores_frame(scored: ScoredRows) -> pd.DataFrame:
    """A row for each metric: metric (as SPLIT/NAME or SPLIT@EVALUATOR/NAME), value, low, high,
    stored; NaN where there is none."""
    rows = [
        {
            "metric": f"{scored.split}/{name}",
            "value": value,
            "low": scored.intervals.get(name, (np.nan, np.nan))[0],
            "high": scored.intervals.get(name, (np.nan, np.nan))[1],
            "stored": scored.stored.get(name, np.nan),
        }
        for name, value in scored.metrics.items()
    ]
    for name, value in scored.evaluations.items():
        low, high = scored.evaluation_intervals.get(name, (np.nan, np.nan))
        rows.append({"metric": name, "value": value, "low": low, "high": high})
    return pd.DataFrame(rows, columns=["metric", "value", "low", "high", "stored"])
