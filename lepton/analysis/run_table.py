"""The table of one run for the terminal: its metrics, clean and as evaluators measured them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from rich.table import Table

from lepton.analysis.comparison import PREFERRED_METRICS
from lepton.analysis.score_metrics import MONITOR_KEY, SCORE, directed, ordered_column
from lepton.analysis.study_table import number_text
from lepton.analysis.table import console
from lepton.metric.direction import STORED
from lepton.storage.results import Result

Scores = dict[str, float]


def show_run(result: Result) -> None:
    """Prints a run's metrics beside the constant predictor's, its size, time and folder."""
    out = console()
    for block in run_blocks(result):
        out.print(block)
    folder = Path(result.config["runs"]) / result.config["study"] / result.run
    out.print(f"{folder}", soft_wrap=True)


def run_blocks(result: Result) -> list[Table | str]:
    """The table of a run's metrics beside the constant predictor's, and lines on its size and
    time."""
    untuned_metrics, start_metrics = (result.added.get(name, {}) for name in ("before", "start"))
    columns = {
        "validation": part_of(result.metrics, "val/"),
        "test": part_of(result.metrics, "test/"),
        **({"test, start": part_of(start_metrics, "test/")} if start_metrics else {}),
        **({"test, untuned": part_of(untuned_metrics, "test/")} if untuned_metrics else {}),
        "test, constant predictor": part_of(result.constant, "test/"),
    }
    if "test" not in result.rows:
        columns = {"validation": columns["validation"]}
        columns["constant predictor"] = part_of(result.constant, "val/")
    names = columns.get("test", columns["validation"])
    columns, lines = with_evaluations(columns, result.metrics, names=names)
    if monitored := _monitored_text(result):
        lines.append(monitored)
    epochs = f", {_best_epoch_text(result)}" if result.epochs else ""
    of_all = f" of {result.parameters}" if untuned_metrics else ""
    sizes = [f"{result.trainable}{of_all} parameters"] if result.parameters else []  # trees: none
    sizes += [] if result.memory_mb is None else [f"{result.memory_mb:.0f} MB at most"]
    lines.append("; ".join([f"{result.seconds:.1f} s{epochs}", *sizes]))
    if start_metrics:
        lines.append("start: the network that tuning began with, as it was loaded")
    if untuned_metrics:
        lines.append("untuned: the best linear head of scikit-learn's on the features as they were")
    if source_metrics := result.added.get("source"):
        lines.append(f"the task it came from, test: {_forgetting_text(source_metrics)}")
    return [metric_table(columns, names=names), *lines]


def _best_epoch_text(result: Result) -> str:
    """Which epoch the weights are of, and of how many."""
    if result.best_epoch < 0:
        return f"no better than its start in epochs 1 to {_epochs_text(result)}"
    return f"best epoch {result.best_epoch + 1} of {_epochs_text(result)}"


def _epochs_text(result: Result) -> str:
    """How many epochs were trained, and what ended them early where that was trainer.patience.

    Patience waits for a better epoch, whatever the start scores.
    """
    trainer = result.config.get("trainer") or {}
    patience, most = trainer.get("patience"), trainer.get("max_epochs")
    has_waited = result.best_epoch < 0 or result.epochs - (result.best_epoch + 1) == patience
    if patience is None or most is None or not has_waited or result.epochs >= most:
        return f"{result.epochs}"
    return f"{result.epochs} (not {most}: trainer.patience={patience} ended it)"


def _monitored_text(result: Result) -> str | None:
    """The metric that chose the run's epoch, with its direction; None where no metric tells it."""
    stored = {f"{STORED}/{k}": v for k, v in result.added.get(STORED, {}).items()}
    row = {**result.metrics, **stored, SCORE: result.score}
    row[MONITOR_KEY] = result.config.get("task", {}).get("monitor")
    runs = pd.DataFrame([row])
    column = ordered_column(SCORE, runs)
    return None if column == SCORE else directed(column, runs, result.metrics[column])


def metric_table(columns: Mapping[str, Mapping[str, float | str]], *, names: Scores) -> Table:
    """A table with a row for each metric of `names`, and these columns of numbers or of texts."""
    table = Table("metric", *columns, box=None)
    for name in names:
        cells = [column.get(name) for column in columns.values()]
        table.add_row(name, *(c if isinstance(c, str) else number_text(c) for c in cells))
    return table


def with_evaluations(
    columns: dict[str, Any], metrics: Scores, *, names: Scores
) -> tuple[dict[str, Any], list[str]]:
    """The columns of a table and those of evaluations, as @noise or @slices worst, and lines on
    what else evaluators measured.

    Of `metrics` those are evaluations' that begin with SPLIT@NAME/; `names` are the table's rows.
    """
    columns, others = dict(columns), dict[str, list[str]]()
    for key, value in metrics.items():
        _, is_evaluation, path = key.partition("@")
        if not is_evaluation:
            continue
        path, _, name = path.rpartition("/")
        evaluator, *parts = path.split("/")
        if name in names:
            columns.setdefault(" ".join([f"@{evaluator}", *parts]), {})[name] = value
        else:
            label = "/".join([*parts, name])
            text = f"{value:.0f}" if float(value).is_integer() else number_text(value)
            others.setdefault(evaluator, []).append(f"{label} {text}")
    return columns, [f"@{name}: {', '.join(texts)}" for name, texts in others.items()]


def part_of(metrics: Scores, prefix: str) -> Scores:
    """The metrics whose names begin so, without this beginning."""
    return {
        key.removeprefix(prefix): value for key, value in metrics.items() if key.startswith(prefix)
    }


def _forgetting_text(scores: Scores) -> str:
    """The preferred metric on the task that a network came from, before and after tuning."""
    name = next(name for name in PREFERRED_METRICS if f"before/test/{name}" in scores)
    before, after = (scores[f"{when}/test/{name}"] for when in ("before", "after"))
    return f"{name} {before:.4f} before, {after:.4f} after"
