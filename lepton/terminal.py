"""Tables for the terminal: one run, or a study with its seeds grouped."""

import argparse
from pathlib import Path
from typing import NoReturn

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from lepton.check import SUPPLIED
from lepton.compare import REPEATS, differences, summary, varying
from lepton.config import near
from lepton.errors import LeptonError
from lepton.metric import LARGER_IS_BETTER
from lepton.results import Result, load, study_folder

SHOWN = ("auroc", "rmse", "ks", "accuracy", "log_loss", "mae", "r2")  # first two of a study
WIDTH = 160  # where the output is not a terminal


def console() -> Console:
    found = Console()
    return found if found.is_terminal else Console(width=WIDTH)


def show_run(result: Result) -> None:
    """A run's test metrics beside the constant predictor's."""
    table = Table("metric", "validation", "test", "test, constant predictor", box=None)
    for key, value in result.metrics.items():
        split, _, name = key.partition("/")
        if split == "test":
            val, flat = result.metrics.get(f"val/{name}"), result.constant.get(key)
            table.add_row(name, _number(val), _number(value), _number(flat))
    out = console()
    out.print(table)
    epochs = f", best epoch {result.best_epoch + 1} of {result.epochs}" if result.epochs else ""
    out.print(f"{result.seconds:.1f} s{epochs}; {result.trainable} parameters", highlight=False)
    folder = Path(result.config["runs"]) / result.config["study"] / result.run
    out.print(f"{folder}", highlight=False, soft_wrap=True)


def _number(value: float | None) -> str:
    return "" if value is None or np.isnan(value) else f"{value:.4f}"


def show(study: str | Path, by: list[str] | None = None, metrics: list[str] | None = None) -> None:
    """A study's table, what it means, what failed or diverged, and how many runs were pruned."""
    frame, out = load(study), console()
    if frame.empty:
        raise LeptonError(f"{study_folder(study)}: holds no run yet")
    finished = frame[frame["status"] == "finished"].dropna(axis=1, how="all")
    if len(finished):
        by = _known(by, finished) if by is not None else varying(finished, _choices(finished))
        names = _metrics(metrics, finished)
        out.print(_table(finished, by, names))
        out.print(_meaning(finished, names), highlight=False)
    for row in frame[frame["status"].isin(["failed", "diverged", "unreadable"])].itertuples():
        out.print(f"{row.status}: {row.run}: {row.error}", highlight=False, soft_wrap=True)
    if count := int((frame["status"] == "pruned").sum()):
        out.print(f"pruned: {count} {'run' if count == 1 else 'runs'}", highlight=False)


def _choices(frame: pd.DataFrame) -> set[str]:
    return {g for g in SUPPLIED if g in frame.columns and g != "logger"}


def _known(columns: list[str], frame: pd.DataFrame) -> list[str]:
    for column in columns:
        if column not in frame.columns:
            raise LeptonError(f"{column}: no such column{near(column, frame.columns)}")
    return columns


def _metrics(asked: list[str] | None, frame: pd.DataFrame) -> list[str]:
    """Full names of the metrics to show; a bare name means the test split's."""
    have = [c for c in frame.columns if c.startswith(("val/", "test/"))]
    if asked is None:
        return [f"test/{name}" for name in SHOWN if f"test/{name}" in have][:2]
    if not asked:
        raise LeptonError("--metric: name a metric, as --metric=auroc")
    full = [name if "/" in name else f"test/{name}" for name in asked]
    return _known(full, frame[have])


def _table(frame: pd.DataFrame, by: list[str], names: list[str]) -> Table:
    """Groups ordered by validation score; the first metric with its interval and differences."""
    order = summary(frame, by, "score").sort_values("mean", ascending=False)
    keys = [tuple(row) for row in order[by].itertuples(index=False)] if by else [()]
    first = differences(frame, by, names[0], keys[0]) if by else None
    columns = {name: summary(frame, by, name) for name in names}
    table = Table(box=None)
    for name in (*by, "runs", "score"):
        table.add_column(name, overflow="fold")
    for i, name in enumerate(names):
        title = name.replace("/", " ") + (" [95 %]" if i == 0 else "")
        table.add_column(title, justify="right", no_wrap=True)
    if len(keys) > 1:
        table.add_column("minus first row [95 %]", justify="right", no_wrap=True)
    for row in order.index:
        cells = [
            _cell(columns[name].loc[row], with_interval=i == 0) for i, name in enumerate(names)
        ]
        words = [_word(order.loc[row, c]) for c in by]
        gap = (
            [] if len(keys) < 2 else [_interval(first.loc[row, "difference"], first.loc[row], "+")]
        )
        n, validated = str(order.loc[row, "n"]), f"{order.loc[row, 'mean']:.4f}"
        table.add_row(*words, n, validated, *cells, *gap)
    if len(frame):
        flat = [_flat(frame, name) for name in names]
        table.add_row("constant", *[""] * (len(by) + 1), *flat, style="dim")
    return table


def _word(value: object) -> str:
    return "" if pd.isna(value) else f"{value:g}" if isinstance(value, float) else str(value)


def _flat(frame: pd.DataFrame, name: str) -> str:
    column = f"constant/{name}"
    return f"{frame[column].mean():.4f}" if column in frame and frame[column].notna().any() else ""


def _cell(row: pd.Series, *, with_interval: bool) -> str:
    if with_interval:
        return _interval(row["mean"], row, "")
    return _number(row["mean"]) + ("" if np.isnan(row["sd"]) else f" ± {row['sd']:.4f}")


def _interval(value: float, row: pd.Series, sign: str) -> str:
    if np.isnan(value):
        return ""
    low, high = row["low"], row["high"]
    known = high > low  # neither one run nor runs that are all the same
    return f"{value:{sign}.4f}" + (f" [{low:{sign}.4f}, {high:{sign}.4f}]" if known else "")


def _meaning(frame: pd.DataFrame, names: list[str]) -> str:
    repeats = [c for c in REPEATS if c in frame.columns and frame[c].nunique() > 1]
    larger = LARGER_IS_BETTER[names[0].partition("/")[2]]
    lines = [
        f"Ordered by score, the validation split's monitored metric (larger is better), never by "
        f"the test split; {'larger' if larger else 'smaller'} {names[0]} is better."
    ]
    if repeats:
        lines += [
            f"± is the standard deviation over {' and '.join(repeats)}, [ ] the 95 % t-interval of "
            "the mean, and of the paired difference: where that holds 0, these runs cannot tell "
            "the two apart. Intervals over seeds say nothing about another test split.",
        ]
    else:
        lines.append("One run a row: a difference can be chance; add seed='range(5)'.")
    return "\n".join(lines)


class Parser(argparse.ArgumentParser):
    """Says a mistake as lepton does, in every version of Python."""

    def error(self, message: str) -> NoReturn:
        raise LeptonError(f"results: {message}; usage: lepton results STUDY [--csv FILE]")


def results_command(words: list[str]) -> int:
    """`lepton results STUDY`, with its flags."""
    parser = Parser(prog="lepton results", add_help=False)
    parser.add_argument("study")
    parser.add_argument("--group-by", metavar="KEYS")
    parser.add_argument("--metric", metavar="NAMES")
    parser.add_argument("--csv", metavar="FILE", type=Path)
    parser.add_argument("--parquet", metavar="FILE", type=Path)
    asked = parser.parse_args(words)
    show(asked.study, _split(asked.group_by), _split(asked.metric))
    try:
        if asked.csv:
            load(asked.study).to_csv(asked.csv, index=False)
        if asked.parquet:
            as_text(load(asked.study)).to_parquet(asked.parquet, index=False)
    except OSError as e:
        raise LeptonError(f"results: cannot write the table ({e})") from None
    return 0


def _split(words: str | None) -> list[str] | None:
    return None if words is None else [w.strip() for w in words.split(",") if w.strip()]


def as_text(frame: pd.DataFrame) -> pd.DataFrame:
    """Columns that hold values of several kinds as text, since Parquet holds one kind a column."""
    mixed = [c for c in frame if frame[c].dropna().map(type).nunique() > 1]
    return frame.assign(**{c: frame[c].map(str, na_action="ignore") for c in mixed})
