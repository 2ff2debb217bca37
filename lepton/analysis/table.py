"""Tables for the terminal: one run, or a study with its seeds grouped."""

from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from lepton.analysis.comparison import known_select, larger_is_better
from lepton.analysis.grouping import (
    REPEATS,
    choices,
    differences,
    summary,
    tidy_key,
    told_apart,
    trained,
    varying,
)
from lepton.analysis.study import LOST, counts, gather
from lepton.errors import LeptonError, did_you_mean
from lepton.storage.results import Result

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
        finished, by = _grouped(finished, by)
        names = metrics_of(metrics, finished)
        out.print(_table(finished, by, names, select))
        out.print(_meaning(finished, names, select), highlight=False)
    rest(frame, out)


def _grouped(finished: pd.DataFrame, asked: list[str] | None) -> tuple[pd.DataFrame, list[str]]:
    """The runs of a table and what it groups them by; an ensemble stands for itself."""
    if asked is not None:
        own = {"model", "ensemble"} & {*_known(asked, finished)}
        return (finished if own else trained(finished)), asked
    runs = trained(finished)
    by = varying(runs, choices(runs))
    if len(runs) == len(finished) and "ensemble" not in finished:
        return finished, by
    return told_apart(finished), [*by, "ensemble"]


def rest(frame: pd.DataFrame, out: Console) -> None:
    """Every run without a result, and how many runs were looked at."""
    for row in frame[frame["status"].isin(LOST)].itertuples():
        out.print(f"{row.status}: {row.run}: {row.error}", highlight=False, soft_wrap=True)
    if count := int((frame["status"] == "pruned").sum()):
        out.print(f"pruned: {count} {'run' if count == 1 else 'runs'}", highlight=False)
    out.print(f"Looked at {counts(frame)}.", highlight=False)


def _known(columns: list[str], frame: pd.DataFrame) -> list[str]:
    for column in columns:
        if column not in frame.columns:
            raise LeptonError(f"{column}: no such column{did_you_mean(column, frame.columns)}")
    return columns


def metrics_of(asked: list[str] | None, frame: pd.DataFrame) -> list[str]:
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
    gaps = _gaps(frame, by, names[0], order)
    columns = {name: summary(frame, by, name) for name in names}
    table = Table(box=None)
    for name in (*by, "runs", select.replace("/", " ")):
        table.add_column(name, overflow="fold")
    for i, name in enumerate(names):
        title = name.replace("/", " ") + (" [95 %]" if i == 0 else "")
        table.add_column(title, justify="right", no_wrap=True)
    if gaps:
        what = "first row" if len(gaps) == len(order) else "first row of runs"
        table.add_column(f"minus {what} [95 %]", justify="right", no_wrap=True)
    extra = _tuned(frame, by, names[0])
    for title in extra:
        table.add_column(title, justify="right", no_wrap=True)
    for row in order.index:
        cells = [
            _cell(columns[name].loc[row], with_interval=i == 0) for i, name in enumerate(names)
        ]
        words = [_word(order.loc[row, c]) for c in by]
        gap = [gaps.get(row, "")] if gaps else []
        n, validated = str(order.loc[row, "n"]), f"{order.loc[row, 'mean']:.4f}"
        more = [column[row] for column in extra.values()]
        table.add_row(*words, n, validated, *cells, *gap, *more)
    if len(frame):
        flat = [_flat(frame, name) for name in names]
        table.add_row("constant", *[""] * (len(by) + 1), *flat, style="dim")
    return table


def _gaps(frame: pd.DataFrame, by: list[str], name: str, order: pd.DataFrame) -> dict[int, str]:
    """By row, what it has more than the first of runs; ensembles share their rows with no run."""
    runs = frame if "ensemble" not in by else trained(frame)
    keys = [c for c in by if c != "ensemble" or runs is frame]
    alone = order if runs is frame else order[order["ensemble"].isna()]
    if not keys or len(alone) < 2:
        return {}
    places = {tidy_key(key): row for row, *key in alone[keys].itertuples()}
    found = differences(runs, keys, name, next(iter(places)))
    rows = [places[tidy_key(key)] for key in found[keys].itertuples(index=False)]
    cells = [_interval(gap["difference"], gap, "+") for _, gap in found.iterrows()]
    return dict(zip(rows, cells, strict=True))


def _tuned(frame: pd.DataFrame, by: list[str], name: str) -> dict[str, list[str]]:
    """Where something was fine-tuned: what the untuned backbone was worth, and what was trained."""
    if f"before/{name}" not in frame:
        return {}
    untuned = summary(frame, by, f"before/{name}")["mean"]
    moved = frame[by].assign(share=100 * frame["trainable"] / frame["parameters"])
    shares = summary(moved, by, "share")["mean"].where(untuned.notna())
    return {
        "untuned": [_number(value) for value in untuned],
        "trained": ["" if np.isnan(value) else f"{value:.3g} %" for value in shares],
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
