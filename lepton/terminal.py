"""Tables for the terminal: one run, or a study with its seeds grouped."""

import argparse
from pathlib import Path
from typing import NoReturn

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from lepton.compare import REPEATS, choices, differences, summary, varying
from lepton.config import near
from lepton.errors import LeptonError
from lepton.gather import LOST, counts, gather
from lepton.question import (
    Comparison,
    compare,
    known_keys,
    known_select,
    larger_is_better,
)
from lepton.report import latex, markdown
from lepton.report.answers import across
from lepton.report.answers import table as comparison_table
from lepton.report.blocks import Note, Text
from lepton.report.blocks import Table as Block
from lepton.results import Result, load
from lepton.sentence import caveat, sentences

SHOWN = ("auroc", "rmse", "ks", "accuracy", "log_loss", "mae", "r2")  # first two of a study
ORDERED = {"score": "score, the validation split's monitored metric (larger is better)"}
WIDTH = 160  # where the output is not a terminal


def console() -> Console:
    found = Console()
    return found if found.is_terminal else Console(width=WIDTH)


def show_run(result: Result) -> None:
    """A run's test metrics beside the constant predictor's."""
    before = ["test, untuned"] if result.before else []
    table = Table("metric", "validation", "test", *before, "test, constant predictor", box=None)
    for key, value in result.metrics.items():
        split, _, name = key.partition("/")
        if split == "test":
            val, flat = result.metrics.get(f"val/{name}"), result.constant.get(key)
            untuned = [_number(result.before.get(key))] * len(before)
            table.add_row(name, _number(val), _number(value), *untuned, _number(flat))
    out = console()
    out.print(table)
    epochs = f", best epoch {result.best_epoch + 1} of {result.epochs}" if result.epochs else ""
    tuned = f" of {result.parameters}" if result.before else ""
    memory = "" if result.memory_mb is None else f"; {result.memory_mb:.0f} MB at most"
    sizes = f"{result.trainable}{tuned} parameters{memory}"
    out.print(f"{result.seconds:.1f} s{epochs}; {sizes}", highlight=False)
    if result.before:
        out.print("untuned: the best linear head of scikit-learn's on the features as they were")
    if result.forgetting:
        out.print(f"the task it came from, test: {_forgotten(result.forgetting)}", highlight=False)
    folder = Path(result.config["runs"]) / result.config["study"] / result.run
    out.print(f"{folder}", highlight=False, soft_wrap=True)


def _forgotten(scores: dict[str, float]) -> str:
    """The first metric that is shown, before and after."""
    name = next(name for name in SHOWN if f"before/test/{name}" in scores)
    before, after = (scores[f"{when}/test/{name}"] for when in ("before", "after"))
    return f"{name} {before:.4f} before, {after:.4f} after"


def _number(value: float | None) -> str:
    return "" if value is None or np.isnan(value) else f"{value:.4f}"


def show(
    study: str | Path,
    by: list[str] | None = None,
    metrics: list[str] | None = None,
    select: str = "score",
) -> None:
    """A study's table, what it means, which runs have no result and why, how many were pruned."""
    frame, out = gather([study]), console()
    finished = frame[frame["status"] == "finished"].dropna(axis=1, how="all")
    if len(finished):
        select = known_select(select, finished)
        by = _known(by, finished) if by is not None else varying(finished, choices(finished))
        names = _metrics(metrics, finished)
        out.print(_table(finished, by, names, select))
        out.print(_meaning(finished, names, select), highlight=False)
    _rest(frame, out)


def _rest(frame: pd.DataFrame, out: Console) -> None:
    """Every run without a result, and how many runs were looked at."""
    for row in frame[frame["status"].isin(LOST)].itertuples():
        out.print(f"{row.status}: {row.run}: {row.error}", highlight=False, soft_wrap=True)
    if count := int((frame["status"] == "pruned").sum()):
        out.print(f"pruned: {count} {'run' if count == 1 else 'runs'}", highlight=False)
    out.print(f"Looked at {counts(frame)}.", highlight=False)


def answer(study: str, asked: argparse.Namespace) -> None:
    """The options of the keys asked for, compared; as text with what may be concluded."""
    frame, out = gather([study]), console()
    finished = frame[frame["status"] == "finished"].dropna(axis=1, how="all")
    if finished.empty:
        return _rest(frame, out)
    keys = _split(asked.compare) or _split(asked.group_by)
    keys = known_keys(keys, finished) if keys else varying(finished, choices(finished))
    if not keys:
        raise LeptonError(f"{study}: all finished runs have the same settings; nothing to compare")
    (metric, *_) = _metrics(_split(asked.metric), finished) or [None]
    select = known_select(asked.select, finished)
    own = metric if asked.metric else None  # each data set's, unless one was named
    found = compare(frame, keys, metric=own, baseline=asked.baseline, select=select)
    blocks = [block for comparison in found for block in _blocks(comparison)]
    blocks += [block for section in across(found) for block in section.blocks]
    if asked.format == "text":
        for block in [*blocks, *map(Text, caveat(found))]:
            _show_block(block, out)
        _rest(frame, out)
    else:
        written = {"markdown": markdown, "latex": latex}[asked.format]
        print("\n\n".join(written.table(b) for b in blocks if isinstance(b, Block)))
    return None


def _blocks(comparison: Comparison) -> list[Block | Text]:
    head = [Text(f"{comparison.dataset}:")] if comparison.dataset else []
    return [*head, comparison_table(comparison), *map(Text, sentences(comparison))]


def _show_block(block: object, out: Console) -> None:
    if isinstance(block, Text | Note):
        out.print(block.words, highlight=False)
    elif isinstance(block, Block):
        table = Table(box=None)
        for i, name in enumerate(block.head):
            number = {"justify": "right", "no_wrap": True}
            table.add_column(name, **(number if i >= block.numbers else {"overflow": "fold"}))
        for row in block.rows:
            table.add_row(*row)
        out.print(table)


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


def _table(frame: pd.DataFrame, by: list[str], names: list[str], select: str) -> Table:
    """Groups ordered by validation score; the first metric with its interval and differences."""
    smaller = not larger_is_better(select)
    order = summary(frame, by, select).sort_values("mean", ascending=smaller, kind="stable")
    keys = [tuple(row) for row in order[by].itertuples(index=False)] if by else [()]
    first = differences(frame, by, names[0], keys[0]) if by else None
    columns = {name: summary(frame, by, name) for name in names}
    table = Table(box=None)
    for name in (*by, "runs", select.replace("/", " ")):
        table.add_column(name, overflow="fold")
    for i, name in enumerate(names):
        title = name.replace("/", " ") + (" [95 %]" if i == 0 else "")
        table.add_column(title, justify="right", no_wrap=True)
    if len(keys) > 1:
        table.add_column("minus first row [95 %]", justify="right", no_wrap=True)
    extra = _tuned(frame, by, names[0])
    for title in extra:
        table.add_column(title, justify="right", no_wrap=True)
    for row in order.index:
        cells = [
            _cell(columns[name].loc[row], with_interval=i == 0) for i, name in enumerate(names)
        ]
        words = [_word(order.loc[row, c]) for c in by]
        gap = (
            [] if len(keys) < 2 else [_interval(first.loc[row, "difference"], first.loc[row], "+")]
        )
        n, validated = str(order.loc[row, "n"]), f"{order.loc[row, 'mean']:.4f}"
        more = [column[row] for column in extra.values()]
        table.add_row(*words, n, validated, *cells, *gap, *more)
    if len(frame):
        flat = [_flat(frame, name) for name in names]
        table.add_row("constant", *[""] * (len(by) + 1), *flat, style="dim")
    return table


def _tuned(frame: pd.DataFrame, by: list[str], name: str) -> dict[str, list[str]]:
    """Where something was fine-tuned: what the untuned backbone was worth, and what was trained."""
    if f"before/{name}" not in frame:
        return {}
    untuned = summary(frame, by, f"before/{name}")["mean"]
    share = frame[by].assign(share=100 * frame["trainable"] / frame["parameters"])
    trained = summary(share, by, "share")["mean"]
    return {
        "untuned": [_number(value) for value in untuned],
        "trained": [f"{value:.3g} %" for value in trained],
    }


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


def _meaning(frame: pd.DataFrame, names: list[str], select: str) -> str:
    repeats = [c for c in REPEATS if c in frame.columns and frame[c].nunique() > 1]
    tuned = f"before/{names[0]}" in frame
    larger = larger_is_better(names[0])
    lines = [
        f"Ordered by {ORDERED.get(select, select)}, never by the test split; "
        f"{'larger' if larger else 'smaller'} {names[0]} is better."
    ]
    if repeats:
        lines += [
            f"± is the standard deviation over {' and '.join(repeats)}, [ ] the 95 % t-interval of "
            "the mean, and of the paired difference: where that holds 0, these runs cannot tell "
            "the two apart. Intervals over seeds say nothing about another test split.",
        ]
    else:
        lines.append("One run a row: a difference can be chance; add seed='range(5)'.")
    if tuned:
        lines.append(
            f"untuned: {names[0]} of the best linear head of scikit-learn's on the features "
            "as they were before tuning; trained: the share of the parameters that was."
        )
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
    parser.add_argument("--compare", metavar="KEYS")
    parser.add_argument("--baseline", metavar="OPTION")
    parser.add_argument("--select", metavar="NAME", default="score")
    parser.add_argument("--format", choices=("text", "markdown", "latex"))
    asked = parser.parse_args(words)
    if asked.compare or asked.baseline or asked.format:
        asked.format = asked.format or "text"
        answer(asked.study, asked)
    else:
        show(asked.study, _split(asked.group_by), _split(asked.metric), asked.select)
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
